"""The log of a run in pages, which cross the boundaries of its attempts."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid
from chalicelib.domain.runs.log import LineFilter, LogLine, LogStream
from chalicelib.domain.runs.run import Run
from chalicelib.ports import World

MAX_LINES_PER_READ = 5000
MAX_LINES_SEARCHED = 10_000
"""The maximum number of lines that one request reads to find matching ones."""
END_OF_ATTEMPT = 10**9
ALL_LINES = LineFilter()


@dataclass(frozen=True, kw_only=True)
class LogExcerpt:
    """Lines, oldest first, with the cursors of the following and the preceding page."""

    lines: list[LogLine]
    following: str
    before: str | None


@dataclass(frozen=True)
class _LogPosition:
    """A parsed cursor: the attempt, the line, and whether the page ends before it."""

    attempt: int
    seq: int | None
    back: bool


def read_page(
    world: World, run: Run, cursor: str, limit: int, line_filter: LineFilter = ALL_LINES
) -> LogExcerpt:
    """Return the page at a cursor (`attempt.seq`, or `-attempt.seq` backwards), or the newest page.

    `following` continues into the next attempt. A filter reads at most `MAX_LINES_SEARCHED` lines,
    so even a page with few or no lines may have matching pages around it. A page of long lines ends
    early, at the size limit. Raises `Invalid` for a cursor that is not one of ours.
    """
    position = _parse_cursor(cursor, run)
    if position.attempt == 0:
        return LogExcerpt(lines=[], following="0.0", before=None)
    lines, first, last = _search_lines(
        world, LogStream.of_attempt(run, position.attempt), position, limit, line_filter
    )
    return LogExcerpt(
        lines=lines,
        following=_following_cursor(position, last, run.attempt),
        before=_preceding_cursor(position, first),
    )


def cursor_around(attempt: int, seq: int, limit: int) -> str:
    """Return the cursor of a page with this line in its middle."""
    return f"-{attempt}.{seq + limit // 2}"


def _search_lines(
    world: World, stream: LogStream, position: _LogPosition, limit: int, line_filter: LineFilter
) -> tuple[list[LogLine], int | None, int | None]:
    """Return the matching lines, and the first and last line number that was read."""
    collected: list[LogLine] = []
    looked: list[int] = []
    weight = 0
    seq, at_once = position.seq, limit if line_filter.matches_all else MAX_LINES_PER_READ
    for _ in range(1 if line_filter.matches_all else MAX_LINES_SEARCHED // MAX_LINES_PER_READ):
        if position.back:
            lines = world.logs.read_before(stream, seq, at_once)[::-1]
        else:
            lines = world.logs.read_after(stream, seq or 0, at_once)
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
        return [], None, None
    return collected[::-1] if position.back else collected, min(looked), max(looked)


def _following_cursor(position: _LogPosition, last: int | None, attempts: int) -> str:
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
