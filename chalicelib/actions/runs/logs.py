"""The log of a run in pages, which cross the boundaries of its attempts."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid
from chalicelib.domain.runs.log import (
    LATE_LINES_PATIENCE,
    LineFilter,
    LogLine,
    LogStream,
    lines_before_gap,
)
from chalicelib.domain.runs.run import Run
from chalicelib.ports import World

MAX_LINES_PER_READ = 5000
MAX_LINES_SEARCHED = 10_000
"""The maximum number of lines that one request reads to find matching ones."""
END_OF_ATTEMPT = 10**9
ALL_LINES = LineFilter()


@dataclass(frozen=True, kw_only=True)
class LogExcerpt:
    """Lines, oldest first, with the cursors of the following and the preceding page.

    `complete` is true if these are the last lines of the run, and no late one can follow.
    """

    lines: list[LogLine]
    following: str
    before: str | None
    complete: bool = False


@dataclass(frozen=True)
class _LogPosition:
    """A parsed cursor: the attempt, the line, and whether the page ends before it."""

    attempt: int
    seq: int | None
    back: bool


@dataclass(frozen=True)
class _FoundLines:
    """The matching lines, the first and last line number that was read, and a wait for others."""

    lines: list[LogLine]
    first: int | None = None
    last: int | None = None
    awaits_late: bool = False


def read_page(
    world: World, run: Run, cursor: str, limit: int, line_filter: LineFilter = ALL_LINES
) -> LogExcerpt:
    """Return the page at a cursor (`attempt.seq`, or `-attempt.seq` backwards), or the newest page.

    `following` continues into the next attempt. A page ends before a missing line for as long as
    CloudWatch may show it late, so that no reader skips a line. A filter reads at most
    `MAX_LINES_SEARCHED` lines, so even a page with few or no lines may have matching pages around
    it. A page of long lines ends early, at the size limit. Raises `Invalid` for a cursor that is
    not one of ours, and `RateLimited` while too many readers ask CloudWatch.
    """
    position = _parse_cursor(cursor, run)
    if position.attempt == 0:
        return LogExcerpt(lines=[], following="0.0", before=None)
    line_search = _search_lines(
        world, LogStream.of_attempt(run, position.attempt), position, limit, line_filter
    )
    return LogExcerpt(
        lines=line_search.lines,
        following=_following_cursor(
            position, line_search, _last_attempt(world, run, position, line_search)
        ),
        before=_preceding_cursor(position, line_search.first),
        complete=_is_complete(world, run, position, line_search),
    )


def cursor_around(attempt: int, seq: int, limit: int) -> str:
    """Return the cursor of a page with this line in its middle."""
    return f"-{attempt}.{seq + limit // 2}"


def _search_lines(
    world: World, stream: LogStream, position: _LogPosition, limit: int, line_filter: LineFilter
) -> _FoundLines:
    """Return the matching lines among those of one request."""
    collected: list[LogLine] = []
    looked: list[int] = []
    weight, awaits_late = 0, False
    seq, at_once = position.seq, limit if line_filter.matches_all else MAX_LINES_PER_READ
    for _ in range(1 if line_filter.matches_all else MAX_LINES_SEARCHED // MAX_LINES_PER_READ):
        lines, awaits_late = _read_settled(world, stream, position, seq, at_once)
        for line in lines:
            looked.append(line.seq)
            if line_filter.matches_line(line):
                collected.append(line)
                weight += line.encoded_size
            if len(collected) == limit or weight > limits.MAX_ANSWER_BYTES:
                break
        if len(collected) == limit or weight > limits.MAX_ANSWER_BYTES or len(lines) < at_once:
            break
        seq = looked[-1]
    if not looked:
        return _FoundLines([], awaits_late=awaits_late)
    ordered = collected[::-1] if position.back else collected
    return _FoundLines(ordered, min(looked), max(looked), awaits_late)


def _read_settled(
    world: World, stream: LogStream, position: _LogPosition, seq: int | None, limit: int
) -> tuple[list[LogLine], bool]:
    """Return lines in the order of reading, and whether late ones are waited for behind them."""
    now = world.now()
    if not position.back:
        lines = world.logs.read_after(stream, seq or 0, limit)
        settled = lines_before_gap(lines, seq or 0, now)
        return list(settled), len(settled) < len(lines)
    lines = world.logs.read_before(stream, seq, limit)
    if seq is not None:  # every newer page ends before the first gap
        return lines[::-1], False
    settled = lines_before_gap(lines, None, now)
    return list(settled[::-1]), len(settled) < len(lines)


def _last_attempt(world: World, run: Run, position: _LogPosition, line_search: _FoundLines) -> int:
    """Return the last attempt that a reader may go on to.

    A reader stays while the log of its attempt may still show lines late.
    """
    following = position.attempt + 1
    began = [attempt.started_at for attempt in run.attempts if attempt.number == following]
    is_early = bool(began) and world.now() - began[0] < LATE_LINES_PATIENCE
    return position.attempt if line_search.awaits_late or is_early else run.attempt


def _is_complete(world: World, run: Run, position: _LogPosition, line_search: _FoundLines) -> bool:
    """Return whether nothing follows the lines: the runner's last one is among those read."""
    if position.attempt < run.attempt or line_search.awaits_late or run.is_running_on_runner:
        return False
    attempt = run.attempts[-1] if run.attempts else None
    last = line_search.last or position.seq or 0
    if attempt and attempt.lines and last >= attempt.lines:
        return True
    is_end = position.seq is None or (line_search.last is None and not position.back)
    ended_at = (attempt and attempt.ended_at) or run.completed_at or run.updated_at
    return is_end and world.now() - ended_at >= LATE_LINES_PATIENCE


def _following_cursor(position: _LogPosition, line_search: _FoundLines, attempts: int) -> str:
    last = line_search.last
    if last is None and not position.back and position.attempt < attempts:
        return f"{position.attempt + 1}.0"
    if last is None and position.seq not in (None, END_OF_ATTEMPT):
        last = position.seq - 1 if position.back else position.seq
    return f"{position.attempt}.{last or 0}"


def _preceding_cursor(position: _LogPosition, first: int | None) -> str | None:
    if first is None and not position.back and position.seq:
        first = position.seq + 1
    if first is not None and first > 1:
        return f"-{position.attempt}.{first}"
    return f"-{position.attempt - 1}.{END_OF_ATTEMPT}" if position.attempt > 1 else None


def _parse_cursor(text: str, run: Run) -> _LogPosition:
    if not text:
        return _LogPosition(run.attempt, None, back=True)
    attempt, _, seq = text.removeprefix("-").partition(".")
    if not (attempt.isdecimal() and seq.isdecimal() and len(seq) < 12 and len(attempt) < 6):
        raise Invalid("this cursor is not valid: use one from a previous page", "cursor")
    # A reader that started while the run was queued continues with its first attempt.
    number = max(1, int(attempt)) if run.attempt else 0
    return _LogPosition(min(number, run.attempt), int(seq), back=text.startswith("-"))
