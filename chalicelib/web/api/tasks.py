"""Routes of tasks, the polymorphic resource for blueprints and runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib import wiring
from chalicelib.actions.blueprints import blueprints, save_warnings
from chalicelib.actions.firing import preview
from chalicelib.actions.runs import runs
from chalicelib.domain.access.key import Scope
from chalicelib.domain.blueprints.blueprint import BLUEPRINT_KINDS, Blueprint, Kind
from chalicelib.domain.errors import Fault, Invalid, MethodNotAllowed, NotFound
from chalicelib.domain.ids import FiringId, RunId
from chalicelib.domain.runs.run import Run
from chalicelib.settings import settings
from chalicelib.web import task_requests
from chalicelib.web.http.authentication import current_caller
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.requests import (
    PAGE_PARAMETERS,
    idempotency_claim,
    json_body,
    page_cursor,
    page_limit,
    parse_id,
    query_param,
)
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import blueprint_requests, firing_views, resource_views, run_views
from chalicelib.web.queries import tasks as queries
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)
ANY_STATE = "any"
"""The filter for runs in any state, which is the default."""


def get_task_or_run(task_id: str) -> Blueprint | Run:
    """Return the blueprint or run with this id."""
    return queries.get_task(wiring.get_world(), parse_id("task", task_id))


def get_blueprint(task_id: str) -> Blueprint:
    """Return the blueprint with this id; raise `MethodNotAllowed` for a run."""
    task = get_task_or_run(task_id)
    if isinstance(task, Run):
        raise MethodNotAllowed("this task is a run, not a blueprint")
    return task


@routes.add_route(
    "GET", "/api/tasks", scope=Scope.READ, query=("type", "state", "repoUrl", *PAGE_PARAMETERS)
)
def list_tasks() -> Answer[responses.TaskList]:
    """List tasks of one type, newest first; `all` lists the blueprints, then the runs."""
    request = routes.current_request
    kind, url = query_param(request, "type", Kind.REPO_TASK.value), query_param(request, "repoUrl")
    state = (
        "" if (state_text := query_param(request, "state", ANY_STATE)) == ANY_STATE else state_text
    )
    if faults := list(_find_contradictions(kind, state, url)):
        raise Invalid.from_faults(faults)
    world, limit, cursor = wiring.get_world(), page_limit(request), page_cursor(request)
    tasks: Sequence[Blueprint | Run]
    if url:
        tasks, position = queries.list_runs_of_repo(world, url, state, cursor, limit)
    else:
        tasks, position = queries.list_tasks(world, kind, state, cursor, limit)
    shown = [
        _run_summary(task) if isinstance(task, Run) else resource_views.blueprint_summary(task)
        for task in tasks
    ]
    return json_answer({"tasks": shown, "nextCursor": encode_cursor(position)})


def _find_contradictions(kind: str, state: str, url: str) -> Iterator[Fault]:
    if state and kind in BLUEPRINT_KINDS:
        yield Fault("state", "is only a filter for runs, because blueprints have no state")
    if url and kind != Kind.REPO_TASK:
        yield Fault("repoUrl", "is only a filter for the type repo-task")


@routes.add_route(
    "POST", "/api/tasks", scope=Scope.WRITE, action="task.create", body="NewTask", status=201
)
def create_task() -> Answer[responses.MadeAnswer]:
    """Create a blueprint with its triggers, or start an ad-hoc run."""
    world = wiring.get_world()
    request = routes.current_request
    body, ignored = blueprint_requests.drop_ignored_fields(json_body(request))
    new, triggers = task_requests.parse_task(world, body)
    if new.kind is Kind.REPO_TASK:
        run = runs.start_run(world, new, {}, stored=False, claim=idempotency_claim(request, ""))
        warnings = resource_views.warning_views(ignored)
        return json_answer({"task": full_run_view(run), "triggers": [], "warnings": warnings}, 201)
    claim = idempotency_claim(request, new.id)
    blueprint, saved_triggers = blueprints.create_blueprint(world, new, triggers, claim)
    shown = [resource_views.trigger_view(trigger, world.now()) for trigger in saved_triggers]
    warnings = resource_views.warning_views(
        [*ignored, *save_warnings.find_warnings(world, blueprint, saved_triggers)]
    )
    view = resource_views.blueprint_view(blueprint)
    return json_answer({"task": view, "triggers": shown, "warnings": warnings}, 201)


def _run_summary(run: Run) -> responses.RunSummary:
    return run_views.run_summary(run, stalled=_is_stalled(run))


def full_run_view(run: Run) -> responses.RunView:
    """Return a run with its prompt and params, which are stored apart from it."""
    brief = queries.get_brief(wiring.get_world(), run)
    return run_views.run_view(run, brief, stalled=_is_stalled(run))


def _is_stalled(run: Run) -> bool:
    return run.is_stalled(wiring.get_world().now(), settings.stall_threshold)


@routes.add_route("GET", "/api/tasks/{task_id}", scope=Scope.READ)
def show_task(task_id: str) -> Answer[responses.TaskAnswer]:
    """Return the blueprint or run with this id."""
    task = get_task_or_run(task_id)
    view = full_run_view(task) if isinstance(task, Run) else resource_views.blueprint_view(task)
    return json_answer({"task": view})


@routes.add_route(
    "PATCH",
    "/api/tasks/{task_id}",
    scope=Scope.WRITE,
    action="task.update",
    body="Definition",
    partial=True,
)
def edit_task(task_id: str) -> Answer[responses.DefinitionAnswer]:
    """Change a blueprint."""
    world = wiring.get_world()
    body, ignored = blueprint_requests.drop_ignored_fields(json_body(routes.current_request))
    was = get_blueprint(task_id)
    new = task_requests.edit_blueprint(world, was, body)
    saved = blueprints.change_blueprint(world, was, new)
    field_warnings = save_warnings.find_warnings(world, saved, queries.list_triggers(world, saved))
    warnings = resource_views.warning_views([*ignored, *field_warnings])
    return json_answer({"task": resource_views.blueprint_view(saved), "warnings": warnings})


@routes.add_route(
    "DELETE", "/api/tasks/{task_id}", scope=Scope.WRITE, action="task.remove", status=204
)
def remove_task(task_id: str) -> Answer[None]:
    """Delete a blueprint and its triggers; its runs stay."""
    blueprints.remove_blueprint(wiring.get_world(), get_blueprint(task_id).id)
    return json_answer(None, 204)


@routes.add_route(
    "POST",
    "/api/tasks/{task_id}/runs",
    scope=Scope.RUN,
    action="run.create",
    body="RunRequest",
    status=202,
)
def start_task(task_id: str) -> Answer[responses.Started]:
    """Start a run of a blueprint."""
    request = routes.current_request
    run_request = requests.parse_request(requests.RunRequest, json_body(request))
    blueprint = get_blueprint(task_id)
    run = runs.start_run(
        wiring.get_world(), blueprint, run_request.params, claim=idempotency_claim(request, "")
    )
    return json_answer({"runId": run.id, "type": Kind(run.type)}, 202)


@routes.add_route("POST", "/api/tasks/{task_id}/preview", scope=Scope.READ, body="PreviewRequest")
def preview_task(task_id: str) -> Answer[responses.PreviewView]:
    """Preview a firing with these params, or with those of a stored firing; nothing is fired."""
    world = wiring.get_world()
    preview_request = requests.parse_request(
        requests.PreviewRequest, json_body(routes.current_request)
    )
    blueprint = get_blueprint(task_id)
    params = preview_request.params
    if preview_request.firing_id:
        params = preview.stored_params(world, blueprint, FiringId(str(preview_request.firing_id)))
    return json_answer(firing_views.preview_view(preview.preview_firing(world, blueprint, params)))


@routes.add_route("GET", "/api/tasks/{task_id}/runs", scope=Scope.READ, query=PAGE_PARAMETERS)
def list_runs(task_id: str) -> Answer[responses.RunList]:
    """List the runs of a blueprint, newest first."""
    request = routes.current_request
    cursor, limit = page_cursor(request), page_limit(request)
    task = get_task_or_run(task_id)
    if isinstance(task, Run):
        return json_answer({"runs": [], "nextCursor": None})
    page, position = queries.list_runs_of_blueprint(wiring.get_world(), task.id, cursor, limit)
    return json_answer(
        {"runs": [_run_summary(run) for run in page], "nextCursor": encode_cursor(position)}
    )


@routes.add_route("GET", "/api/tasks/{task_id}/runs/{run_id}", scope=Scope.READ)
def show_run(task_id: str, run_id: str) -> Answer[responses.RunAnswer]:
    """Return one run of a blueprint."""
    run = queries.get_run(wiring.get_world(), RunId(parse_id("run", run_id)))
    if run.blueprint_id != parse_id("task", task_id):
        raise NotFound("run", run_id)
    return json_answer({"run": full_run_view(run)})


@routes.add_route(
    "POST", "/api/tasks/{task_id}/cancel", scope=Scope.RUN, action="task.cancel", status=202
)
def cancel_run(task_id: str) -> Answer[responses.RunTask]:
    """Cancel a run that has not ended."""
    cancelled = runs.cancel_run(wiring.get_world(), _get_run(task_id).id)
    return json_answer({"task": full_run_view(cancelled)}, 202)


@routes.add_route(
    "POST", "/api/tasks/{task_id}/retry", scope=Scope.RUN, action="task.retry", status=202
)
def retry_run(task_id: str) -> Answer[responses.RunTask]:
    """Retry a failed or cancelled run."""
    retried = runs.retry_run(wiring.get_world(), _get_run(task_id).id)
    return json_answer({"task": full_run_view(retried)}, 202)


@routes.add_route(
    "POST",
    "/api/tasks/{task_id}/resume",
    scope=Scope.RUN,
    action="task.resume",
    body="ResumeRequest",
    status=202,
)
def resume_run(task_id: str) -> Answer[responses.RunTask]:
    """Resume a run on its branch or from its kept work, with a new prompt."""
    resume_request = requests.parse_request(
        requests.ResumeRequest, json_body(routes.current_request)
    )
    world, run = wiring.get_world(), _get_run(task_id)
    runs.check_may_prompt(world, run, may_write=current_caller().has_scope(Scope.WRITE))
    return json_answer(
        {"task": full_run_view(runs.resume_run(world, run.id, resume_request.prompt))}, 202
    )


def _get_run(task_id: str) -> Run:
    """Return the run with this id; raise `MethodNotAllowed` for a blueprint."""
    task = get_task_or_run(task_id)
    if isinstance(task, Blueprint):
        raise MethodNotAllowed("this task is a blueprint, not a run")
    return task
