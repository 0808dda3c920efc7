"""Bytes of a program become clean lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from chalicelib.runner.redact import Redactor

LINE_BYTES = 16 * 1024

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,4096}|[ -/]*)?$")


def clean(text: str) -> str:
    """Return `text` without terminal sequences and control characters."""
    return _CONTROL.sub("", _ESCAPE.sub("", text))


def cut(text: str, limit: int = LINE_BYTES, size: int | None = None) -> str:
    """Return at most about `limit` bytes of `text`, with a notice where something is missing."""
    encoded = text.encode("utf-8", "replace")
    size = max(size or 0, len(encoded))
    if size <= limit:
        return text
    notice = f" … [cut: {size} bytes]"
    kept = encoded[: max(0, limit - len(notice.encode()))]
    return kept.decode("utf-8", "ignore") + notice


def last_lines(text: str, count: int = 12, limit: int = 1500) -> str:
    """Return the end of what a program said."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-count:])[-limit:]


class Lines:
    """Calls `emit` with each line of a byte stream; never holds more than `limit` of one."""

    def __init__(
        self, emit: Callable[[str], None], redactor: Redactor | None, limit: int = LINE_BYTES
    ) -> None:
        self._emit = emit
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._redacted = redactor.stream() if redactor else None
        self._escape = ""
        self._line: list[str] = []
        self._kept = self._size = 0

    def feed(self, data: bytes) -> None:
        self._text(self._decoder.decode(data))

    def close(self) -> None:
        self._text(self._decoder.decode(b"", final=True), last=True)
        if self._size:
            self._end_line()

    def _text(self, text: str, *, last: bool = False) -> None:
        text = self._escape + text
        unfinished = None if last else _UNFINISHED.search(text)
        self._escape = unfinished.group() if unfinished else ""
        text = clean(text[: len(text) - len(self._escape)])
        if self._redacted:
            text = self._redacted.feed(text) + (self._redacted.flush() if last else "")
        *whole, rest = text.split("\n")
        for part in whole:
            self._add(part)
            self._end_line()
        self._add(rest)

    def _add(self, part: str) -> None:
        if not part:
            return
        self._size += len(part.encode("utf-8", "replace"))
        if self._kept < self._limit:
            self._line.append(part[: self._limit - self._kept])
            self._kept += len(self._line[-1])

    def _end_line(self) -> None:
        text = "".join(self._line).rstrip("\r")
        if self._size <= self._limit:
            text = text.rsplit("\r", 1)[-1]
        size, self._line, self._kept, self._size = self._size, [], 0, 0
        self._emit(cut(text, self._limit, size if size > self._limit else None))
