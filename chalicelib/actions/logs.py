"""The log of a run in pages, which cross the boundaries of its attempts."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid
from chalicelib.domain.log import LogLine, Stream, Wanted
from chalicelib.domain.run import Run
from chalicelib.ports import World

AT_ONCE = 5000
MOST_LOOKED = 10_000
"""The maximum number of lines that one request reads to find matching ones."""
END = 10**9
ALL = Wanted()


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Lines, oldest first, with the cursors of the following and the preceding page."""

    lines: list[LogLine]
    following: str
    before: str | None


@dataclass(frozen=True)
class _Place:
    """A parsed cursor: the attempt, the line, and whether the page ends before it."""

    attempt: int
    seq: int | None
    back: bool


def page(world: World, run: Run, cursor: str, limit: int, wanted: Wanted = ALL) -> LogPage:
    """Return the page at a cursor (`attempt.seq`, or `-attempt.seq` backwards), or the newest page.

    `following` continues into the next attempt. A filter reads at most `MOST_LOOKED` lines, so even
    a page with few or no lines may have matching pages around it. A page of long lines ends early,
    at the size limit. Raises `Invalid` for a cursor that is not one of ours.
    """
    place = _place(cursor, run)
    if place.attempt == 0:
        return LogPage(lines=[], following="0.0", before=None)
    lines, first, last = _look(world, Stream.of(run, place.attempt), place, limit, wanted)
    return LogPage(
        lines=lines,
        following=_following(place, last, run.attempt),
        before=_before(place, first),
    )


def around(attempt: int, seq: int, limit: int) -> str:
    """Return the cursor of a page with this line in its middle."""
    return f"-{attempt}.{seq + limit // 2}"


def _look(
    world: World, stream: Stream, place: _Place, limit: int, wanted: Wanted
) -> tuple[list[LogLine], int | None, int | None]:
    """Return the matching lines, and the first and last line number that was read."""
    found: list[LogLine] = []
    looked: list[int] = []
    weight = 0
    seq, at_once = place.seq, limit if wanted.all else AT_ONCE
    for _ in range(1 if wanted.all else MOST_LOOKED // AT_ONCE):
        if place.back:
            lines = world.logs.before(stream, seq, at_once)[::-1]
        else:
            lines = world.logs.after(stream, seq or 0, at_once)
        for line in lines:
            looked.append(line.seq)
            if wanted.finds(line):
                found.append(line)
                weight += line.weight
            if len(found) == limit or weight > limits.ANSWER:
                break
        if len(found) == limit or weight > limits.ANSWER or len(lines) < at_once:
            break
        seq = looked[-1]
    if not looked:
        return [], None, None
    return found[::-1] if place.back else found, min(looked), max(looked)


def _following(place: _Place, last: int | None, attempts: int) -> str:
    if last is None and not place.back and place.attempt < attempts:
        return f"{place.attempt + 1}.0"
    if last is None and place.seq not in (None, END):
        last = place.seq - 1 if place.back else place.seq
    return f"{place.attempt}.{last or 0}"


def _before(place: _Place, first: int | None) -> str | None:
    if first is None and not place.back and place.seq:
        first = place.seq + 1
    if first is not None and first > 1:
        return f"-{place.attempt}.{first}"
    return f"-{place.attempt - 1}.{END}" if place.attempt > 1 else None


def _place(text: str, run: Run) -> _Place:
    if not text:
        return _Place(run.attempt, None, back=True)
    attempt, _, seq = text.removeprefix("-").partition(".")
    if not (attempt.isdecimal() and seq.isdecimal() and len(seq) < 12 and len(attempt) < 6):
        raise Invalid("this cursor is not valid: use one from a previous page", "cursor")
    # A reader that started while the run was queued continues with its first attempt.
    number = max(1, int(attempt)) if run.attempt else 0
    return _Place(min(number, run.attempt), int(seq), back=text.startswith("-"))
