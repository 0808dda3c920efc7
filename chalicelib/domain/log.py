"""A line of a run's log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.run import Run

LONGEST_LINE = 16 * 1024
LINES_A_MILLISECOND = 10
FURTHEST = timedelta(hours=1)
"""How far a stream reaches in time: CloudWatch takes nothing that lies two hours ahead."""


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line, numbered from 1 within its attempt."""

    seq: int
    timestamp: datetime
    log_type: str
    content: str
    attempt: int = 1

    @property
    def weight(self) -> int:
        """How many bytes it takes on its way out: the text of JSON in a text of JSON."""
        return len(json.dumps(json.dumps(self.content)))


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Where one attempt of a run says what it does.

    A line stands there at a moment made of its number, not at that of its coming: any part of the
    longest log is then found at once, and a line that is sent again stands beside its first copy.
    """

    run_id: str
    attempt: int
    began: datetime

    @staticmethod
    def of(run: Run, attempt: int) -> Stream:
        """Return the stream of an attempt."""
        known = {one.number: one.started_at for one in run.attempts}
        return Stream(run_id=run.id, attempt=attempt, began=known.get(attempt, run.created_at))

    def place(self, seq: int) -> datetime:
        """Return the moment at which the line of this number stands."""
        return self.began + min(timedelta(milliseconds=seq // LINES_A_MILLISECOND), FURTHEST)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which lines somebody looks for."""

    log_type: str = ""
    text: str = ""

    @property
    def all(self) -> bool:
        return not (self.log_type or self.text)

    def finds(self, line: LogLine) -> bool:
        """Whether a line is one of those."""
        kind = not self.log_type or line.log_type == self.log_type
        return kind and self.text.lower() in line.content.lower()


def cut(content: str) -> str:
    """Return `content`, cut with a notice where it is over 16 KB."""
    raw = content.encode("utf-8", "replace")
    if len(raw) <= LONGEST_LINE:
        return content
    kept = raw[: LONGEST_LINE - 64].decode("utf-8", "ignore")
    return f"{kept} … [cut: the line had {len(raw)} bytes]"
