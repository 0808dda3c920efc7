"""The log of a run, a page at a time, over the borders of its attempts."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.errors import Invalid
from chalicelib.domain.log import LogLine
from chalicelib.domain.run import Run
from chalicelib.ports import World


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Lines, oldest first, with the cursors to what follows and to what came before."""

    lines: list[LogLine]
    following: str
    before: str | None


def page(world: World, run: Run, cursor: str, limit: int) -> LogPage:
    """Return the page at a cursor (`attempt.seq`, `-` goes back); without one, the newest.

    `following` leads on into the next attempt, too.
    """
    attempt, seq, back = _cursor(cursor, run)
    if attempt == 0:
        lines: list[LogLine] = []
    elif seq is None or back:
        lines = world.logs.before(run.id, attempt, seq, limit)
    else:
        lines = world.logs.after(run.id, attempt, seq, limit)
    reached = lines[-1].seq if lines else (seq or 0)
    following = f"{attempt}.{reached}"
    if not lines and not back and seq is not None and attempt < run.attempt:
        following = f"{attempt + 1}.0"
    first = lines[0].seq if lines else (seq or 1)
    before = f"-{attempt}.{first}" if first > 1 else _earlier(attempt)
    return LogPage(lines=lines, following=following, before=before)


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
