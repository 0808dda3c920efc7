"""Bytes of a program become clean lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable

from chalicelib.domain.display_text import cut_text
from chalicelib.domain.runs.log import MAX_LINE_BYTES
from chalicelib.runner.output.redact import WRAPPED_LINE, CleanText, Redactor

CUT_MARGIN = 256
"""Characters of a line that are read beyond its limit: a secret at its end is still recognised."""
MOST_WRAPPED_LINES = 200

_LAST_WRAPPED = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def clean_text(text: str) -> str:
    """Return `text` without terminal sequences and control characters."""
    return _CONTROL.sub("", _ESCAPE.sub("", text))


def last_lines(text: str, count: int = 12, limit: int = 1500) -> str:
    """Return the end of a program's output."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-count:])[-limit:]


class LineSplitter:
    """Calls `emit` with each line of a byte stream; never holds more than `limit` of one.

    Text that a terminal would overwrite after a carriage return is dropped. With a redactor the
    lines are free of secrets. Lines of wrapped base64 are then redacted together: a secret may
    begin in one of them and end in the next. Without one, they are the lines of a protocol, always
    whole.
    """

    def __init__(
        self, emit: Callable[[str], None], redactor: Redactor | None, limit: int = MAX_LINE_BYTES
    ) -> None:
        self._emit = emit
        self._limit = limit
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._kept = self._size = 0
        self._returned = False
        self._wrapped: list[str] = []

    def feed_bytes(self, data: bytes) -> None:
        """Take in the next bytes of the stream."""
        self._feed_text(self._decoder.decode(data))

    def feed_end(self) -> None:
        """Take in the end of the stream."""
        self._feed_text(self._decoder.decode(b"", final=True))
        if self._size:
            self._end_line()
        self._emit_wrapped()

    def flush_unfinished(self) -> None:
        """Emit what a silent program has begun, but for what may be the beginning of a secret."""
        if self._redactor is None:
            return
        self._emit_wrapped()
        text = clean_text("".join(self._parts))
        held = self._redactor.held_length(text)
        shown, rest = text[: len(text) - held], text[len(text) - held :]
        if self._size <= self._limit and shown.strip():
            self._start_line()
            self._emit(CleanText(self._redactor.redact_text(shown)))
            self._add_part(rest)

    def _feed_text(self, text: str) -> None:
        *whole, rest = text.split("\n")
        for part in whole:
            self._add_part(part)
            self._end_line()
        self._add_part(rest)

    def _add_part(self, part: str) -> None:
        if not part:
            return
        if (self._returned and part.strip("\r")) or "\r" in part.rstrip("\r"):
            self._start_line()
        self._returned = self._returned or part.endswith("\r")
        part = part.rstrip("\r").rpartition("\r")[2]
        self._size += len(part.encode("utf-8", "replace"))
        room = self._limit + CUT_MARGIN - self._kept
        if room > 0 and part:
            self._parts.append(part[:room])
            self._kept += len(self._parts[-1])

    def _start_line(self) -> None:
        self._parts, self._kept, self._size, self._returned = [], 0, 0, False

    def _end_line(self) -> None:
        text, size = clean_text("".join(self._parts)), self._size
        self._start_line()
        if self._redactor is None:
            self._emit(cut_text(text, self._limit, size) if size > self._limit else text)
        elif size > self._limit:
            self._emit_wrapped()
            self._emit(CleanText(cut_text(self._redactor.redact_text(text), self._limit, size)))
        else:
            self._take_line(text, self._redactor)

    def _take_line(self, line: str, redactor: Redactor) -> None:
        """Emit a line, or collect it where it is part of wrapped base64."""
        if WRAPPED_LINE.fullmatch(line):
            self._wrapped.append(line)
            if len(self._wrapped) >= MOST_WRAPPED_LINES:
                self._emit_wrapped()
        elif self._wrapped and _LAST_WRAPPED.fullmatch(line):
            self._wrapped.append(line)
            self._emit_wrapped()
        else:
            self._emit_wrapped()
            self._emit(CleanText(redactor.redact_text(line)))

    def _emit_wrapped(self) -> None:
        lines, self._wrapped = self._wrapped, []
        if lines and self._redactor:
            for line in self._redactor.redact_text("\n".join(lines)).split("\n"):
                self._emit(CleanText(line))


def name_some(names: Iterable[str], most: int = 5) -> str:
    """Return the first names of a list, and how many more there are."""
    all_names = list(names)
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more
