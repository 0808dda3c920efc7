"""Follows the log of a run until the run ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from rich.text import Text

from chalicelib.domain.texts.state_word import state_word
from optio_cli.core import resolve
from optio_cli.core.api import ApiClient, Json, Query
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import CONTROL_CHARACTERS
from optio_cli.core.session import CommandSession

SUCCESS_STATES = ("completed", "pr_opened")
FAILURE_STATES = ("failed", "cancelled", "needs_attention")
POLL_SECONDS = 1.0
MAX_END_POLLS = 5
"""The number of further looks at the log of an ended run whose last line may still come late."""
STYLES = {"stderr": "yellow", "error": "red", "system": "bright_black", "thinking": "italic"}


def read_log_page(api: ApiClient, run_id: str, cursor: str | None, query: Query) -> Json:
    """Return lines of a run's log with the cursor of the lines after them."""
    page: Json = api.call_api("GET", f"/api/tasks/{run_id}/logs", query={**query, "cursor": cursor})
    return page


def follow_run(
    api: ApiClient, run: Json, query: Query, wait: Callable[[float], None] = time.sleep
) -> Iterator[tuple[Json, list[Json]]]:
    """Yield the run with its new log lines until it has ended and all lines were read.

    The state is read before the log, so no line that was written before the end is missed. The log
    of a run that has ended is read again for as long as its last lines may be shown late.
    """
    cursor: str | None = None
    end_polls = 0
    while True:
        run = resolve.get_task(api, run["id"])
        page = read_log_page(api, run["id"], cursor, query)
        yield run, page["logs"]
        moved = page["nextCursor"] != cursor
        cursor = page["nextCursor"]
        over = run["state"] in SUCCESS_STATES + FAILURE_STATES
        if over and not moved:
            if page.get("complete", True) or end_polls == MAX_END_POLLS:
                return
            end_polls += 1
        if not moved:
            wait(POLL_SECONDS)


def show_run(session: CommandSession, run: Json, query: Query | None = None) -> None:
    """Show a run until it ends; raise `JobFailed` if it did not succeed."""
    state = ""
    for run, lines in follow_run(session.api, run, query or {}):  # noqa: B020 - each round replaces the run
        for line in lines:
            show_line(session, line)
        if run["state"] != state:
            state = run["state"]
            waits = f", waiting for {run['waitingFor']}" if run["waitingFor"] else ""
            session.out.print_note(f"── {state_word(state)}{waits}")
    if session.out.as_json:
        session.out.print_json_line({"run": run})
    if run["state"] in FAILURE_STATES:
        why = run["errorMessage"] or run["waitingFor"] or "no reason is known"
        raise Failure(f"run {run['id']} is {state_word(run['state'])}: {why}", ExitCode.FAILED)
    if run["prUrl"]:
        session.out.print_note(f"pull request: {run['prUrl']}")


def show_line(session: CommandSession, line: Json) -> None:
    """Show one line of a log."""
    if session.out.as_json:
        session.out.print_json_line(line)
        return
    clock = str(line["timestamp"] or "")[11:19]
    kind = str(line["logType"])
    content = str(line["content"]).translate(CONTROL_CHARACTERS)
    session.out.print_text(
        Text.assemble((f"{clock} {kind:>8} ", "bright_black"), (content, STYLES.get(kind, "")))
    )
