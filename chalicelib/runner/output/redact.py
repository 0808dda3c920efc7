"""Takes secrets out of whatever leaves a job."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator

from chalicelib.runner.output.secret_forms import MIN_FORM_LENGTH
from chalicelib.runner.output.secret_index import SecretIndex, SecretSpan

__all__ = ["MASK", "MIN_FORM_LENGTH", "WRAPPED_LINE", "CleanText", "Redactor"]

MASK = "***"
WRAPPED_LINE = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
"""A line as programs print that wrap base64."""
_WRAPPED = re.compile(
    rf"(?m)^(?:{WRAPPED_LINE.pattern}\n)+(?:[A-Za-z0-9+/_-]+={{0,2}}(?=$))?",
)


class CleanText(str):
    """A line that is clean and redacted, so that it is not redacted a second time."""


class Redactor:
    """Replaces every form of every secret by `***`.

    The index of the forms is built by the first use: large secrets take a second, and a job must
    give a sign of life before.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [*secrets]
        self._index: SecretIndex | None = None
        self._lock = threading.Lock()

    def add_secrets(self, *secrets: str) -> None:
        """Redact these as well from now on."""
        with self._lock:
            self._secrets += secrets
            self._index = None

    def redact_text(self, text: str) -> str:
        """Return `text` with each secret, and each revealing part of one, as `***`."""
        spans = self._find_spans(text)
        if not spans:
            return text
        parts, done = [], 0
        for start, end in _merge_spans(spans):
            parts += [text[done:start], MASK]
            done = end
        return "".join([*parts, text[done:]])

    def contains_secret(self, content: bytes) -> bool:
        """Return whether a secret is in `content`, whatever it is, as bytes of UTF-8 or UTF-16."""
        return any(self._find_spans(text) for text in decodings_of(content))

    def held_length(self, text: str) -> int:
        """Return how much of the end of `text` may be the beginning of a secret, in characters."""
        return self._build_index().held_length(text)

    def _find_spans(self, text: str) -> list[SecretSpan]:
        index = self._index or self._build_index()
        spans = index.find_spans(text)
        if index and "\n" in text:
            for block in _WRAPPED.finditer(text):
                spans += _spans_across_lines(index, block.group(), block.start())
        return spans

    def _build_index(self) -> SecretIndex:
        with self._lock:
            if self._index is None:
                self._index = SecretIndex(("", secret) for secret in self._secrets)
            return self._index


def decodings_of(content: bytes) -> Iterator[str]:
    """Yield the texts that some bytes may mean: UTF-8, and UTF-16 where zero bytes hint at it."""
    yield content.decode("utf-8", "replace")
    if b"\0" in content:
        for code in ("utf-16-le", "utf-16-be"):
            for shift in (0, 1):
                yield content[shift:].decode(code, "replace")


def _spans_across_lines(index: SecretIndex, block: str, offset: int) -> Iterator[SecretSpan]:
    """Yield the parts, line by line, of secrets in the text that wrapped lines make together."""
    lines = block.split("\n")
    begins, position = [], 0
    for line in lines:
        begins.append(position)
        position += len(line)
    for start, end, name in index.find_spans("".join(lines)):
        above = 0
        for number, (line, begin) in enumerate(zip(lines, begins, strict=True)):
            first, last = max(start, begin), min(end, begin + len(line))
            if first < last:
                shift = offset + above + number
                yield SecretSpan(first - begin + shift, last - begin + shift, name)
            above += len(line)


def _merge_spans(spans: list[SecretSpan]) -> Iterator[tuple[int, int]]:
    """Yield places that do not overlap, from places that may."""
    start = end = -1
    for span in sorted(spans):
        if span.start < end:
            end = max(end, span.end)
            continue
        if end >= 0:
            yield start, end
        start, end = span.start, span.end
    yield start, end
