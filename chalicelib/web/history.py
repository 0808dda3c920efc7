"""What happened to a run: its events and its log."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import Invalid, NotAllowed
from chalicelib.domain.log import LogLine
from chalicelib.domain.run import Run
from chalicelib.web import run_views
from chalicelib.web.http import PAGE, Routes, answer, limit_of, query
from chalicelib.web.tasks import found

routes = Routes(__name__)
MOST_LINES = 1000


def _run(task_id: str) -> Run:
    thing = found(task_id)
    if not isinstance(thing, Run):
        raise NotAllowed("only a run has a history, this task is a definition")
    return thing


@routes.at("GET", "/api/tasks/{task_id}/events", needs=Scope.READ)
def events(task_id: str) -> Response:
    """List the moves of a run, oldest first."""
    return answer({"events": [run_views.event(event) for event in _run(task_id).history]})


@routes.at("GET", "/api/tasks/{task_id}/logs", needs=Scope.READ, query=(*PAGE, "logType", "search"))
def logs(task_id: str) -> Response:
    """Return lines of a run's log, oldest first; a cursor is `attempt.seq`, `-` goes back.

    Without a cursor the newest page comes; `nextCursor` follows on, into the next attempt too.
    """
    request = routes.current_request
    run = _run(task_id)
    limit = limit_of(request, MOST_LINES, 200)
    attempt, seq, back = _cursor(query(request, "cursor"), run)
    store = wiring.world().logs
    if attempt == 0:
        lines: list[LogLine] = []
    elif seq is None or back:
        lines = store.before(run.id, attempt, seq, limit)
    else:
        lines = store.after(run.id, attempt, seq, limit)
    reached = lines[-1].seq if lines else (seq or 0)
    following = f"{attempt}.{reached}"
    if not lines and not back and seq is not None and attempt < run.attempt:
        following = f"{attempt + 1}.0"
    first = lines[0].seq if lines else (seq or 1)
    before = f"-{attempt}.{first}" if first > 1 else _earlier(attempt)
    shown = [run_views.log_line(line) for line in lines if _wanted(line, request)]
    return answer({"logs": shown, "nextCursor": following, "prevCursor": before})


def _earlier(attempt: int) -> str | None:
    return f"-{attempt - 1}.{10**9}" if attempt > 1 else None


def _cursor(text: str, run: Run) -> tuple[int, int | None, bool]:
    if not text:
        return run.attempt, None, False
    attempt, _, seq = text.removeprefix("-").partition(".")
    if not (attempt.isdigit() and seq.isdigit() and len(seq) < 12 and len(attempt) < 6):
        raise Invalid("this cursor is not one of ours", "cursor")
    # A run that was still waiting when the reader began is followed from its first attempt on.
    number = max(1, int(attempt)) if run.attempt else 0
    return min(number, run.attempt), int(seq), text.startswith("-")


def _wanted(line: LogLine, request: object) -> bool:
    kind, text = query(request, "logType"), query(request, "search")  # type: ignore[arg-type]
    return (not kind or line.log_type == kind) and text.lower() in line.content.lower()
