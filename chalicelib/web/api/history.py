"""Routes of a run's history: its events, its log and its output files."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.jobs import outputs
from chalicelib.actions.runs import logs as reading
from chalicelib.domain.access.key import Scope
from chalicelib.domain.errors import MethodNotAllowed
from chalicelib.domain.runs.log import LineFilter
from chalicelib.domain.runs.run import Run
from chalicelib.web.api.tasks import get_task_or_run
from chalicelib.web.http.requests import PAGE_PARAMETERS, page_limit, query_param
from chalicelib.web.http.responses import Answer, json_answer, redirect_to
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import run_views
from chalicelib.web.schemas import responses

routes = Routes(__name__)


def _get_run(task_id: str) -> Run:
    task = get_task_or_run(task_id)
    if not isinstance(task, Run):
        raise MethodNotAllowed("this task is a blueprint; only a run has a history")
    return task


@routes.add_route("GET", "/api/tasks/{task_id}/events", scope=Scope.READ)
def list_events(task_id: str) -> Answer[responses.EventList]:
    """List the changes of a run's state, oldest first."""
    return json_answer(
        {"events": [run_views.event_view(event) for event in _get_run(task_id).history]}
    )


@routes.add_route(
    "GET",
    "/api/tasks/{task_id}/logs",
    scope=Scope.READ,
    query=(*PAGE_PARAMETERS, "logType", "search"),
)
def list_log_lines(task_id: str) -> Answer[responses.LogPage]:
    """Return lines of a run's log, oldest first; a cursor is `attempt.seq`, with `-` to go back.

    Without a cursor the newest page is returned. `nextCursor` also continues into the next attempt.
    A search reads some thousand lines per request, so its page may be short although more follow.
    """
    request = routes.current_request
    run = _get_run(task_id)
    limit = page_limit(request, 200)
    line_filter = LineFilter(
        log_type=query_param(request, "logType"), text=query_param(request, "search")
    )
    page = reading.read_page(
        wiring.get_world(), run, query_param(request, "cursor"), limit, line_filter
    )
    return json_answer(run_views.log_page_view(page))


@routes.add_route("GET", "/api/tasks/{task_id}/outputs/{name}", scope=Scope.READ, status=302)
def download_output(task_id: str, name: str) -> Response:
    """Redirect to an output file of the run; its URL is valid for five minutes."""
    return redirect_to(outputs.download_url(wiring.get_world(), _get_run(task_id), name))
