"""The log of one attempt: numbered lines, kept until the API has them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib.domain.display_text import cut_text
from chalicelib.domain.runs.log import MAX_LINE_BYTES
from chalicelib.runner.output.redact import CleanText, Redactor
from chalicelib.runner.output.text import CUT_MARGIN, clean_text

MAX_LOG_BYTES = 50 * 1024 * 1024
MAX_BATCH_BYTES = 200 * 1024


@dataclass(frozen=True)
class LogEntry:
    """One line, ready to be sent."""

    seq: int
    timestamp: str
    type: str
    content: str

    @property
    def encoded_size(self) -> int:
        return len(self.content.encode("utf-8", "replace")) + 120

    def to_json(self) -> dict[str, object]:
        return {
            "seq": self.seq,
            "timestamp": self.timestamp,
            "logType": self.type,
            "content": self.content,
        }


class JobLog:
    """The log of all phases of a job, safe for any thread."""

    def __init__(self, redactor: Redactor, total_bytes: int = MAX_LOG_BYTES) -> None:
        self.redactor = redactor
        self._room = total_bytes
        self._pending: deque[LogEntry] = deque()
        self._seq = 0
        self._full = False
        self._lock = threading.Lock()

    def add_line(self, kind: str, content: str, *, always: bool = False) -> None:
        """Keep one line; when the log is full, only `always` lines."""
        content = content if isinstance(content, CleanText) else self._clean_content(content)
        with self._lock:
            if self._full and not always:
                return
            self._room -= len(content.encode())
            if self._room < 0 and not always:
                self._full = True
                kind, content = "system", "the log is full: further lines are left out"
            self._seq += 1
            moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._pending.append(LogEntry(self._seq, moment, kind, content))

    def _clean_content(self, content: str) -> str:
        size = len(content.encode("utf-8", "replace"))
        if size > MAX_LINE_BYTES:  # a secret at the border is still recognised beyond it
            content = content[: MAX_LINE_BYTES + CUT_MARGIN]
        content = self.redactor.redact_text(clean_text(content)).encode("utf-8", "replace").decode()
        return cut_text(content, MAX_LINE_BYTES, size if size > MAX_LINE_BYTES else None)

    def next_batch(self, limit: int = MAX_BATCH_BYTES) -> list[LogEntry]:
        """Return the oldest unsent lines, about `limit` bytes of them, and keep them."""
        batch: list[LogEntry] = []
        with self._lock:
            for entry in self._pending:
                limit -= entry.encoded_size
                if batch and limit < 0:
                    break
                batch.append(entry)
        return batch

    def forget_batch(self, batch: list[LogEntry]) -> None:
        """The API has these lines."""
        with self._lock:
            while batch and self._pending and self._pending[0].seq <= batch[-1].seq:
                self._pending.popleft()
