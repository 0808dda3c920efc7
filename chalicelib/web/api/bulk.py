"""Routes of bulk operations on runs."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.runs import bulk
from chalicelib.domain.access.key import Scope
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.schemas import responses

routes = Routes(__name__)


@routes.add_route(
    "POST", "/api/tasks/bulk/retry-failed", scope=Scope.RUN, action="task.retry-failed", status=202
)
def retry_failed() -> Answer[responses.Accepted]:
    """Retry at most 100 failed runs; repeat the request until it returns 0."""
    return json_answer({"accepted": bulk.retry_failed(wiring.get_world())}, 202)


@routes.add_route(
    "POST",
    "/api/tasks/bulk/cancel-active",
    scope=Scope.RUN,
    action="task.cancel-active",
    status=202,
)
def cancel_active() -> Answer[responses.Accepted]:
    """Cancel at most 100 active runs; repeat the request until it returns 0."""
    return json_answer({"accepted": bulk.cancel_active(wiring.get_world())}, 202)
