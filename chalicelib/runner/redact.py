"""Secrets leave a job in no form that can be read back."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""Shorter values would blacken ordinary words, and are no secrets."""

MASK = "***"
_WRAPPED = (57, 48)
"""Bytes in a line of what `base64` and `openssl base64` print."""
_AS_GO = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&"})
"""How programs in Go write JSON."""


class Redactor:
    """Replaces every form of every secret by `***`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: list[str] = []
        self.learn(*secrets)

    def learn(self, *secrets: str) -> None:
        """Redact these from now on, too."""
        self._secrets += secrets
        forms = {
            form for secret in self._secrets for form in _forms(secret) if len(form) >= SHORTEST
        }
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None
        codes = ("utf-8", "utf-16-le", "utf-16-be")
        raw = [form.encode(code, "replace") for form in longest_first for code in codes]
        self._bytes = re.compile(b"|".join(map(re.escape, raw))) if forms else None
        self._starts = sorted(form for form in forms if "\n" not in form)
        self._longest = max(map(len, self._starts), default=0)

    def redact(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    def finds(self, content: bytes) -> bool:
        """Return whether a secret is in `content`, whatever it is, as bytes of UTF-8 or UTF-16."""
        return bool(self._bytes and self._bytes.search(content))

    def stream(self) -> RedactedStream:
        """Return a redactor for text that comes in pieces."""
        return RedactedStream(self)

    def held(self, text: str) -> int:
        """Return how long the longest end of `text` is that may be the start of a secret.

        A form over several lines needs no holding back: each of its lines is a form too.
        """
        for start in range(max(0, len(text) - self._longest + 1), len(text)):
            end = text[start:]
            place = bisect_right(self._starts, end)
            if place < len(self._starts) and self._starts[place].startswith(end):
                return len(end)
        return 0

    def settled(self, text: str) -> tuple[str, str]:
        """Return the redacted part of `text` that no later piece can change, and the rest."""
        if self._pattern is None:
            return text, ""
        border, done = len(text) - self.held(text), 0
        parts = []
        for match in self._pattern.finditer(text):
            if match.start() >= border:
                break
            parts += [text[done : match.start()], MASK]
            done = match.end()
        border = max(done, border)
        return "".join([*parts, text[done:border]]), text[border:]


class RedactedStream:
    """Holds back an end that may be the first half of a secret until the next piece comes."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        settled, self._held = self._redactor.settled(self._held + text)
        return settled

    def flush(self) -> str:
        rest, self._held = self._redactor.redact(self._held), ""
        return rest


def _forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret may appear; of one with many lines also each line."""
    if len(secret.strip()) < SHORTEST:
        return
    for value in {secret, secret.strip(), *(_lines(secret) if "\n" in secret.strip() else ())}:
        yield value
        yield from _escaped(value)
        yield from _base64(value.encode())


def _lines(secret: str) -> list[str]:
    """Return the lines that give a secret away: the long ones; where all are short, those too."""
    lines = [line.strip() for line in secret.splitlines()]
    return [line for line in lines if len(line) >= 8] or [
        line for line in lines if len(line) >= SHORTEST
    ]


def _escaped(value: str) -> Iterator[str]:
    yield repr(value)[1:-1]
    for as_ascii in (True, False):
        once = json.dumps(value, ensure_ascii=as_ascii)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=as_ascii)[1:-1]
        yield once.replace("/", "\\/")
        yield once.translate(_AS_GO)
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), quoted)


def _base64(value: bytes) -> Iterator[str]:
    """Yield the base64 forms, also of the value inside a longer text, at each of three offsets."""
    yield base64.b64encode(value).decode()
    yield base64.urlsafe_b64encode(value).decode()
    for offset in range(3):
        first, after = -(-offset * 8 // 6), (offset + len(value)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            inner = encode(b"\0" * offset + value).decode()[first:after]
            if len(inner) >= 6:
                yield inner
    yield from _wrapped(value)
    yield value.hex()
    yield value.hex().upper()


def _wrapped(value: bytes) -> Iterator[str]:
    """Yield the lines of a long value's base64, as programs cut it."""
    for size in _WRAPPED:
        pieces = range(0, len(value), size) if len(value) > size else ()
        for piece in (value[place : place + size] for place in pieces):
            line = base64.b64encode(piece).decode()[: len(piece) * 8 // 6]
            if len(line) >= 6:
                yield line
