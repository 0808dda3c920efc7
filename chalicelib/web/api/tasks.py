"""Routes of tasks, the polymorphic resource for blueprints and runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from chalicelib import wiring
from chalicelib.actions import definitions, listing, previewing, runs, save_warnings
from chalicelib.domain.access import Scope
from chalicelib.domain.blueprint import DEFINITION_KINDS, RUN_KINDS, Blueprint, Kind
from chalicelib.domain.errors import Fault, Invalid, NotAllowed, NotFound
from chalicelib.domain.firing import Brief
from chalicelib.domain.repo import Repo, normal_url
from chalicelib.domain.run import Run, State
from chalicelib.settings import settings
from chalicelib.web import answers, models, reading, run_views, views
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import (
    PAGE,
    Answer,
    Routes,
    answer,
    body_of,
    caller,
    claim_of,
    cursor_of,
    known_id,
    limit_of,
    query,
)

routes = Routes(__name__)
ANY = "any"
"""The filter for runs in any state, which is the default."""


def found(task_id: str) -> Blueprint | Run:
    """Return the blueprint or run with this id."""
    return listing.thing(wiring.world(), known_id("task", task_id))


def definition_of(task_id: str) -> Blueprint:
    """Return the blueprint with this id; raise `NotAllowed` for a run."""
    thing = found(task_id)
    if isinstance(thing, Run):
        raise NotAllowed("this task is a run, not a blueprint")
    return thing


@routes.at("GET", "/api/tasks", needs=Scope.READ, query=("type", "state", "repoUrl", *PAGE))
def index() -> Answer[answers.TaskList]:
    """List tasks of one type, newest first; `all` lists the blueprints, then the runs."""
    request = routes.current_request
    kind, url = query(request, "type", Kind.REPO_TASK.value), query(request, "repoUrl")
    state = "" if (asked := query(request, "state", ANY)) == ANY else asked
    if faults := list(_contradictions(kind, state, url)):
        raise Invalid.of(faults)
    limit, cursor = limit_of(request), cursor_of(request)
    if url:
        return _in_repo(url, state, cursor, limit)
    if kind == "all":
        return _all(cursor, limit, state)
    things, position = _page(kind, cursor, limit, state)
    return answer({"tasks": things, "nextCursor": encode_cursor(position)})


def _contradictions(kind: str, state: str, url: str) -> Iterator[Fault]:
    if state and kind in DEFINITION_KINDS:
        yield Fault("state", "is only a filter for runs, because blueprints have no state")
    if url and kind != Kind.REPO_TASK:
        yield Fault("repoUrl", "is only a filter for the type repo-task")


def _page(
    kind: str, cursor: str | None, limit: int, state: str
) -> tuple[list[answers.DefinitionSummary | answers.RunSummary], str | None]:
    world = wiring.world()
    if kind in DEFINITION_KINDS:
        found, position = world.blueprints.newest(kind, cursor, limit)
        return [views.blueprint_summary(thing) for thing in found], position
    if state:
        listed, position = world.runs.in_state((kind,), State(state), cursor, limit)
    else:
        listed, position = world.runs.newest((kind,), cursor, limit)
    return [_shown(run) for run in listed], position


def _in_repo(url: str, state: str, cursor: str | None, limit: int) -> Answer[answers.TaskList]:
    listed, position = wiring.world().runs.of_repo(normal_url(url), cursor, limit)
    kept = [_shown(run) for run in listed if not state or run.state == state]
    return answer({"tasks": kept, "nextCursor": encode_cursor(position)})


def _all(cursor: str | None, limit: int, state: str) -> Answer[answers.TaskList]:
    kinds: list[str] = [*RUN_KINDS] if state else [*DEFINITION_KINDS, *RUN_KINDS]
    kind, _, position = (cursor or kinds[0]).partition("|")
    if kind not in kinds:
        raise Invalid("is not a cursor of this list: use the nextCursor of a response", "cursor")
    things, following = _page(kind, position or None, limit, state)
    rest = kinds[kinds.index(kind) + 1 :]
    after = f"{kind}|{following}" if following else (rest[0] if rest else None)
    return answer({"tasks": things, "nextCursor": encode_cursor(after)})


@routes.at("POST", "/api/tasks", needs=Scope.WRITE, takes="NewTask", status=201)
def create() -> Answer[answers.MadeAnswer]:
    """Create a blueprint with its triggers, or start an ad-hoc run."""
    world = wiring.world()
    request = routes.current_request
    body, ignored = reading.without_meaningless(body_of(request))
    asked = models.parsed(models.NewTask, body)
    new = reading.definition(asked, str(uuid.uuid4()), _repo(asked.repo_url), world.now())
    if new.kind is Kind.REPO_TASK:
        run = runs.start(world, new, {}, stored=False, claim=claim_of(request, ""))
        warnings = views.warnings(ignored)
        return answer({"task": whole(run), "triggers": [], "warnings": warnings}, 201)
    triggers = [reading.trigger(trigger, new, world.now()) for trigger in asked.triggers]
    claim = claim_of(request, new.id)
    made, kept = definitions.create(world, new, triggers, claim)
    shown = [views.trigger(trigger, world.now()) for trigger in kept]
    warnings = views.warnings([*ignored, *save_warnings.find_warnings(world, made, kept)])
    view = views.blueprint(made)
    return answer({"task": view, "triggers": shown, "warnings": warnings}, 201)


def _repo(url: str | None) -> Repo | None:
    return wiring.world().repos.find(url) if url else None


def _shown(run: Run) -> answers.RunSummary:
    return run_views.run_summary(run, stalled=_stalled(run))


def whole(run: Run) -> answers.RunView:
    brief = wiring.world().firings.brief(run.firing_id) or Brief()
    return run_views.run(run, brief, stalled=_stalled(run))


def _stalled(run: Run) -> bool:
    return run.stalled(wiring.world().now(), settings.stall_threshold)


@routes.at("GET", "/api/tasks/{task_id}", needs=Scope.READ)
def show(task_id: str) -> Answer[answers.TaskAnswer]:
    """Return the blueprint or run with this id."""
    thing = found(task_id)
    view = whole(thing) if isinstance(thing, Run) else views.blueprint(thing)
    return answer({"task": view})


@routes.at("PATCH", "/api/tasks/{task_id}", needs=Scope.WRITE, takes="Definition", partly=True)
def edit(task_id: str) -> Answer[answers.DefinitionAnswer]:
    """Change a blueprint."""
    world = wiring.world()
    body, ignored = reading.without_meaningless(body_of(routes.current_request))
    was = definition_of(task_id)
    url = body.get("repoUrl", was.repo_url)
    new = reading.patched_definition(was, body, _repo(url if isinstance(url, str) else None))
    kept = definitions.change(world, was, new)
    found = save_warnings.find_warnings(world, kept, world.triggers.of(kept))
    warnings = views.warnings([*ignored, *found])
    return answer({"task": views.blueprint(kept), "warnings": warnings})


@routes.at("DELETE", "/api/tasks/{task_id}", needs=Scope.WRITE, status=204)
def remove(task_id: str) -> Answer[None]:
    """Delete a blueprint and its triggers; its runs stay."""
    definitions.remove(wiring.world(), definition_of(task_id).id)
    return answer(None, 204)


@routes.at("POST", "/api/tasks/{task_id}/runs", needs=Scope.RUN, takes="RunRequest", status=202)
def start(task_id: str) -> Answer[answers.Started]:
    """Start a run of a blueprint."""
    request = routes.current_request
    asked = models.parsed(models.RunRequest, body_of(request))
    definition = definition_of(task_id)
    run = runs.start(wiring.world(), definition, asked.params, claim=claim_of(request, ""))
    return answer({"runId": run.id, "type": Kind(run.type)}, 202)


@routes.at("POST", "/api/tasks/{task_id}/preview", needs=Scope.READ, takes="PreviewRequest")
def preview(task_id: str) -> Answer[answers.PreviewView]:
    """Preview a firing with these params, or with those of a stored firing; nothing is fired."""
    world = wiring.world()
    asked = models.parsed(models.PreviewRequest, body_of(routes.current_request))
    definition = definition_of(task_id)
    params = asked.params
    if asked.firing_id:
        params = previewing.stored_params(world, definition, str(asked.firing_id))
    return answer(views.preview(previewing.preview(world, definition, params)))


@routes.at("GET", "/api/tasks/{task_id}/runs", needs=Scope.READ, query=PAGE)
def runs_of(task_id: str) -> Answer[answers.RunList]:
    """List the runs of a blueprint, newest first."""
    request = routes.current_request
    cursor, limit = cursor_of(request), limit_of(request)
    thing = found(task_id)
    if isinstance(thing, Run):
        return answer({"runs": [], "nextCursor": None})
    listed, position = wiring.world().runs.of_definition(thing.id, cursor, limit)
    return answer({"runs": [_shown(run) for run in listed], "nextCursor": encode_cursor(position)})


@routes.at("GET", "/api/tasks/{task_id}/runs/{run_id}", needs=Scope.READ)
def run_of(task_id: str, run_id: str) -> Answer[answers.RunAnswer]:
    """Return one run of a blueprint."""
    run = wiring.world().runs.get(known_id("run", run_id))
    if run.definition_id != known_id("task", task_id):
        raise NotFound("run", run_id)
    return answer({"run": whole(run)})


@routes.at("POST", "/api/tasks/{task_id}/cancel", needs=Scope.RUN, status=202)
def cancel(task_id: str) -> Answer[answers.RunTask]:
    """Cancel a run that has not ended."""
    return answer({"task": whole(runs.cancel(wiring.world(), _run_with(task_id)))}, 202)


@routes.at("POST", "/api/tasks/{task_id}/retry", needs=Scope.RUN, status=202)
def retry(task_id: str) -> Answer[answers.RunTask]:
    """Retry a failed or cancelled run."""
    return answer({"task": whole(runs.retry(wiring.world(), _run_with(task_id)))}, 202)


@routes.at(
    "POST", "/api/tasks/{task_id}/resume", needs=Scope.RUN, takes="ResumeRequest", status=202
)
def resume(task_id: str) -> Answer[answers.RunTask]:
    """Resume a run on its branch or from its kept work, with a new prompt."""
    asked = models.parsed(models.ResumeRequest, body_of(routes.current_request))
    world, run_id = wiring.world(), _run_with(task_id)
    runs.check_may_prompt(world, world.runs.get(run_id), may_write=caller().may(Scope.WRITE))
    run = runs.resume(world, run_id, asked.prompt)
    return answer({"task": whole(run)}, 202)


def _run_with(task_id: str) -> str:
    thing = found(task_id)
    if isinstance(thing, Blueprint):
        raise NotAllowed("this task is a blueprint, not a run")
    return thing.id
