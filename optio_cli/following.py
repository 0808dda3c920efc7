"""Follows the log of a run until the run ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rich.text import Text

from optio_cli import finding
from optio_cli.api import Api, Json, Query
from optio_cli.errors import Exit, Failure
from optio_cli.output import CONTROL
from optio_cli.session import Session

WELL = ("completed", "pr_opened")
BADLY = ("failed", "cancelled", "needs_attention")
LOOK_SECONDS = 1.0
STYLES = {"stderr": "yellow", "error": "red", "system": "bright_black", "thinking": "italic"}


def page(api: Api, run_id: str, cursor: str | None, query: Query) -> Json:
    """Return lines of a run's log with the cursor of the lines after them."""
    found: Json = api.call("GET", f"/api/tasks/{run_id}/logs", query={**query, "cursor": cursor})
    return found


def follow(
    api: Api, run: Json, query: Query, wait: Callable[[float], None] = time.sleep
) -> Iterator[tuple[Json, list[Json]]]:
    """Yield the run with its new log lines until it has ended and all lines were read.

    The state is read before the log, so no line that was written before the end is missed.
    """
    cursor: str | None = None
    while True:
        run = finding.task(api, run["id"])
        found = page(api, run["id"], cursor, query)
        yield run, found["logs"]
        moved = found["nextCursor"] != cursor
        cursor = found["nextCursor"]
        over = run["state"] in WELL + BADLY
        if over and not moved:
            return
        if not moved:
            wait(LOOK_SECONDS)


def show(session: Session, run: Json, query: Query | None = None) -> None:
    """Show a run until it ends; raise `Failure` if it did not succeed."""
    state = ""
    for run, lines in follow(session.api, run, query or {}):  # noqa: B020 - each round replaces the run
        for line in lines:
            show_line(session, line)
        if run["state"] != state:
            state = run["state"]
            waits = f", waiting for {run['waitingFor']}" if run["waitingFor"] else ""
            session.out.note(f"── {state}{waits}")
    if session.out.as_json:
        session.out.line({"run": run})
    if run["state"] in BADLY:
        why = run["errorMessage"] or run["waitingFor"] or "no reason is known"
        raise Failure(f"run {run['id']} is {run['state']}: {why}", Exit.FAILED)
    if run["prUrl"]:
        session.out.note(f"pull request: {run['prUrl']}")


def show_line(session: Session, line: Json) -> None:
    """Show one line of a log."""
    if session.out.as_json:
        session.out.line(line)
        return
    clock = str(line["timestamp"] or "")[11:19]
    kind = str(line["logType"])
    content = str(line["content"]).translate(CONTROL)
    session.out.say(
        Text.assemble((f"{clock} {kind:>8} ", "bright_black"), (content, STYLES.get(kind, "")))
    )
