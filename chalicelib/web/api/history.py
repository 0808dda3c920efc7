"""Routes of a run's history: its events, its log and its output files."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import logs as reading
from chalicelib.actions import outputs
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import NotAllowed
from chalicelib.domain.log import Wanted
from chalicelib.domain.run import Run
from chalicelib.web import answers, run_views
from chalicelib.web.api.tasks import found
from chalicelib.web.http import PAGE, Answer, Routes, answer, led_to, limit_of, query

routes = Routes(__name__)


def _run(task_id: str) -> Run:
    thing = found(task_id)
    if not isinstance(thing, Run):
        raise NotAllowed("this task is a blueprint; only a run has a history")
    return thing


@routes.at("GET", "/api/tasks/{task_id}/events", needs=Scope.READ)
def events(task_id: str) -> Answer[answers.EventList]:
    """List the changes of a run's state, oldest first."""
    return answer({"events": [run_views.event(event) for event in _run(task_id).history]})


@routes.at("GET", "/api/tasks/{task_id}/logs", needs=Scope.READ, query=(*PAGE, "logType", "search"))
def logs(task_id: str) -> Answer[answers.LogPage]:
    """Return lines of a run's log, oldest first; a cursor is `attempt.seq`, with `-` to go back.

    Without a cursor the newest page is returned. `nextCursor` also continues into the next attempt.
    A search reads some thousand lines per request, so its page may be short although more follow.
    """
    request = routes.current_request
    run = _run(task_id)
    limit = limit_of(request, 200)
    wanted = Wanted(log_type=query(request, "logType"), text=query(request, "search"))
    page = reading.page(wiring.world(), run, query(request, "cursor"), limit, wanted)
    return answer(run_views.log_page(page))


@routes.at("GET", "/api/tasks/{task_id}/outputs/{name}", needs=Scope.READ, status=302)
def output(task_id: str, name: str) -> Response:
    """Redirect to an output file of the run; its URL is valid for five minutes."""
    return led_to(outputs.address(wiring.world(), _run(task_id), name))
