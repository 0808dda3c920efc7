"""Older paths of tasks, as a table with one translation, so that no handler exists twice.

Each alias calls the view of `/api/tasks` behind another path. Its request is translated to the
current names, and its response back to the older ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalice.app import Request, Response

from chalicelib import wiring
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Fault, Invalid, NotFound
from chalicelib.web.api import history, tasks, triggers
from chalicelib.web.http.operation import ApiOperation
from chalicelib.web.http.requests import json_body, raw_body
from chalicelib.web.http.responses import json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.queries import tasks as queries

routes = Routes(__name__)
Body = dict[str, Any]


@dataclass(frozen=True)
class LegacyDialect:
    """The names of an older resource: its kind, its fields, its singular and its plural."""

    kind: Kind
    singular: str
    many: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def translate_request(self, body: Body) -> Body:
        """Return a request with the current names; a current name becomes its older one.

        So a newer name is unknown at an older path, as an older name is at a newer path.
        """
        return {self._our_name(name): value for name, value in body.items()}

    def _our_name(self, name: str) -> str:
        ours = {theirs: name for name, theirs in self.fields.items()}
        return self.fields.get(name) or ours.get(name, name)

    def translate_response(self, body: Body) -> Body:
        """Return a response with the older names."""
        renamed = dict(body)
        if "task" in renamed:
            renamed[self.singular] = self._rename_fields(renamed.pop("task"))
        if "tasks" in renamed:
            renamed[self.many] = [self._rename_fields(task) for task in renamed.pop("tasks")]
        if "warnings" in renamed:
            renamed["warnings"] = [
                {**warning, "field": self._our_name(warning["field"])}
                for warning in renamed["warnings"]
            ]
        return renamed

    def _rename_fields(self, task: Body) -> Body:
        return {self.fields.get(name, name): value for name, value in task.items()}

    def translate_error(self, error: Invalid) -> Invalid:
        """Return an error with the older names of its fields."""
        if not error.faults:
            return error
        return Invalid.from_faults(
            Fault(self._our_name(fault.field), fault.message) for fault in error.faults
        )


TASK_CONFIG_DIALECT = LegacyDialect(Kind.REPO_BLUEPRINT, "taskConfig", "taskConfigs")
JOB_DIALECT = LegacyDialect(
    Kind.STANDALONE,
    "workflow",
    "workflows",
    {"prompt": "promptTemplate", "agentType": "agentRuntime"},
)
RUN_DIALECT = LegacyDialect(Kind.WORKFLOW_RUN, "run")


@dataclass(frozen=True, kw_only=True)
class LegacyRoute:
    """An older path, its current path, and the differences of the two."""

    method: str
    path: str
    stands_for: str
    dialect: LegacyDialect
    gives: str = ""
    takes: str = ""
    status: int | None = None
    reshaped: Callable[[Body], Body] | None = None

    def translate_response(self, done: Response) -> Response:
        if not done.body:
            return done
        body: Body = json.loads(done.body)
        shaped = self.reshaped(body) if self.reshaped else self.dialect.translate_response(body)
        return json_answer(shaped, self.status or done.status_code)


def _started_config(body: Body) -> Body:
    return {"taskId": body["runId"]}


def _started_job(body: Body) -> Body:
    return {"run": tasks.full_run_view(queries.get_run(wiring.get_world(), body["runId"]))}


def _blueprint_routes(
    root: str, dialect: LegacyDialect, gives: tuple[str, str, str, str], takes: tuple[str, str]
) -> Iterator[LegacyRoute]:
    single_answer, changed, created_answer, list_answer = gives
    for method, rest, answer, model in (
        ("GET", "", list_answer, ""),
        ("POST", "", created_answer, takes[0]),
        ("GET", "/{task_id}", single_answer, ""),
        ("PATCH", "/{task_id}", changed, takes[1]),
        ("DELETE", "/{task_id}", "", ""),
        ("GET", "/{task_id}/triggers", "", ""),
        ("POST", "/{task_id}/triggers", "", ""),
        ("PATCH", "/{task_id}/triggers/{trigger_id}", "", ""),
        ("DELETE", "/{task_id}/triggers/{trigger_id}", "", ""),
    ):
        yield LegacyRoute(
            method=method,
            path=root + rest,
            stands_for=f"/api/tasks{rest}",
            dialect=dialect,
            gives=answer,
            takes=model,
        )


def _iter_routes() -> Iterator[LegacyRoute]:
    config = ("TaskConfigAnswer", "TaskConfigChanged", "TaskConfigMade", "TaskConfigList")
    yield from _blueprint_routes(
        "/api/task-configs", TASK_CONFIG_DIALECT, config, ("NewTaskConfig", "Definition")
    )
    yield LegacyRoute(
        method="POST",
        path="/api/task-configs/{task_id}/run",
        stands_for="/api/tasks/{task_id}/runs",
        dialect=TASK_CONFIG_DIALECT,
        gives="TaskConfigStarted",
        reshaped=_started_config,
    )
    job = ("WorkflowAnswer", "WorkflowChanged", "WorkflowMade", "WorkflowList")
    yield from _blueprint_routes("/api/jobs", JOB_DIALECT, job, ("NewJob", "JobFields"))
    list_route = LegacyRoute(
        method="GET",
        path="/api/jobs/{task_id}/runs",
        stands_for="/api/tasks/{task_id}/runs",
        dialect=JOB_DIALECT,
    )
    yield list_route
    started = replace(list_route, method="POST", gives="RunAnswer")
    yield replace(started, status=201, reshaped=_started_job)
    for rest, answer in (("", "RunAnswer"), ("/logs", "")):
        yield LegacyRoute(
            method="GET",
            path=f"/api/workflow-runs/{{task_id}}{rest}",
            stands_for=f"/api/tasks/{{task_id}}{rest}",
            dialect=RUN_DIALECT,
            gives=answer,
        )


def _register(alias: LegacyRoute, original: ApiOperation) -> None:
    def view(**params: str) -> Response:
        if "task_id" in params:
            _check_kind(params["task_id"], alias.dialect.kind)
        app, original_request = routes.current_app, routes.current_request
        translated = _translate_request(original_request, alias)
        try:
            app.current_request = translated
            return alias.translate_response(original.view(**params))
        except Invalid as error:
            raise alias.dialect.translate_error(error) from error
        finally:
            app.current_request = original_request

    view.__doc__ = original.view.__doc__
    view.__name__ = f"{original.view.__name__}_{alias.dialect.singular}"
    answer_type = f"Answer[responses.{alias.gives}]" if alias.gives else None
    # A type's name: only the API's description resolves it, and loads the types that it needs.
    view.__annotations__["return"] = answer_type or original.view.__annotations__["return"]
    routes.add_route(
        alias.method,
        alias.path,
        scope=original.scope,
        body=alias.takes or original.body,
        partial=original.partial,
        query=tuple(name for name in original.query if name not in ("type", "state", "repoUrl")),
        status=alias.status or original.statuses[0],
        action=original.action,
        deprecated=True,
    )(view)


def _check_kind(task_id: str, kind: Kind) -> None:
    task = tasks.get_task_or_run(task_id)
    if (task.kind.value if isinstance(task, Blueprint) else task.type) != kind.value:
        raise NotFound("task", task_id)


def _translate_request(request: Request, alias: LegacyRoute) -> Request:
    """Return a request in the form that the view of tasks expects."""
    event = dict(request.to_original_event())
    plural = "{" not in alias.path
    if alias.method == "GET" and plural:
        query = event.get("multiValueQueryStringParameters") or {}
        page = {name: value for name, value in query.items() if name in ("limit", "cursor")}
        event["multiValueQueryStringParameters"] = {**page, "type": [alias.dialect.kind.value]}
    elif alias.takes and raw_body(request):
        body = alias.dialect.translate_request(json_body(request))
        if alias.method == "POST" and plural:
            body["type"] = alias.dialect.kind.value
        event |= {"body": json.dumps(body), "isBase64Encoded": False}
    return Request(event, request.lambda_context)


_ROOMS = (tasks, triggers, history)
_ORIGINALS = {
    (operation.method, operation.path): operation
    for room in _ROOMS
    for operation in room.routes.operations
}
for _alias in _iter_routes():
    _register(_alias, _ORIGINALS[_alias.method, _alias.stands_for])
