"""Lines of a run's log and the streams that hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.run import Run

MAX_LINE_BYTES = 16 * 1024
MAX_LINES_PER_MILLISECOND = 10
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
