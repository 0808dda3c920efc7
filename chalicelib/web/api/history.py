"""What happened to a run: its events, its log, and the files that its agent left."""

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
        raise NotAllowed("only a run has a history, this task is a definition")
    return thing


@routes.at("GET", "/api/tasks/{task_id}/events", needs=Scope.READ)
def events(task_id: str) -> Answer[answers.EventList]:
    """List the moves of a run, oldest first."""
    return answer({"events": [run_views.event(event) for event in _run(task_id).history]})


@routes.at("GET", "/api/tasks/{task_id}/logs", needs=Scope.READ, query=(*PAGE, "logType", "search"))
def logs(task_id: str) -> Answer[answers.LogPage]:
    """Return lines of a run's log, oldest first; a cursor is `attempt.seq`, `-` goes back.

    Without a cursor the newest page comes; `nextCursor` follows on, into the next attempt too.
    A search looks through some thousand lines a request: its page may be short, and go on.
    """
    request = routes.current_request
    run = _run(task_id)
    limit = limit_of(request, 200)
    wanted = Wanted(log_type=query(request, "logType"), text=query(request, "search"))
    page = reading.page(wiring.world(), run, query(request, "cursor"), limit, wanted)
    return answer(run_views.log_page(page))


@routes.at("GET", "/api/tasks/{task_id}/outputs/{name}", needs=Scope.READ, status=302)
def output(task_id: str, name: str) -> Response:
    """Lead to a file that the agent left; the address is good for five minutes."""
    return led_to(outputs.address(wiring.world(), _run(task_id), name))
