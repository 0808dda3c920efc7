"""Lines of a run's log and the streams that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.run import Run

MAX_LINE_BYTES = 16 * 1024
MAX_LINES_PER_MILLISECOND = 10
LATE_LINES_PATIENCE = timedelta(seconds=5)
"""The time after which a missing line is given up. CloudWatch shows lines late and out of order."""
MAX_CLOCK_DIFFERENCE = timedelta(hours=1)
"""The time span of a stream: CloudWatch rejects events more than two hours in the future."""


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line, numbered from 1 within its attempt."""

    seq: int
    timestamp: datetime
    log_type: str
    content: str
    attempt: int = 1
    stored_at: datetime | None = field(default=None, compare=False)
    """The time at which the log took the line; None if it is not known."""

    @property
    def encoded_size(self) -> int:
        """Its size in a response in bytes: JSON text inside JSON text."""
        return len(json.dumps(json.dumps(self.content)))


@dataclass(frozen=True, kw_only=True)
class LogStream:
    """The log stream of one attempt.

    The timestamp of a line is derived from its number, not from its arrival. So any part of the
    longest log can be read directly, and a line that is sent twice is stored next to its first
    copy.
    """

    run_id: RunId
    attempt: int
    began: datetime

    @staticmethod
    def of_attempt(run: Run, attempt: int) -> LogStream:
        """Return the stream of an attempt."""
        starts = {attempt_entry.number: attempt_entry.started_at for attempt_entry in run.attempts}
        return LogStream(run_id=run.id, attempt=attempt, began=starts.get(attempt, run.created_at))

    def timestamp_of(self, seq: int) -> datetime:
        """Return the timestamp under which the line of this number is stored."""
        return self.began + min(
            timedelta(milliseconds=seq // MAX_LINES_PER_MILLISECOND), MAX_CLOCK_DIFFERENCE
        )


def lines_before_gap(lines: Sequence[LogLine], seq: int | None, now: datetime) -> Sequence[LogLine]:
    """Return the lines before the first gap that a late line may still fill.

    The lines follow line `seq`, or begin anywhere if that is None. A gap counts as final as soon as
    the line behind it has been stored for `LATE_LINES_PATIENCE`.
    """
    for position, line in enumerate(lines):
        is_gap = seq is not None and line.seq != seq + 1
        if is_gap and line.stored_at and now - line.stored_at < LATE_LINES_PATIENCE:
            return lines[:position]
        seq = line.seq
    return lines


@dataclass(frozen=True, kw_only=True)
class LineFilter:
    """A filter of log lines."""

    log_type: str = ""
    text: str = ""

    @property
    def matches_all(self) -> bool:
        return not (self.log_type or self.text)

    def matches_line(self, line: LogLine) -> bool:
        """Return whether a line matches; the text is compared without case."""
        kind = not self.log_type or line.log_type == self.log_type
        return kind and self.text.lower() in line.content.lower()
