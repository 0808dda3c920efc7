"""Spellings in which programs print a secret: escaped, quoted, encoded.

A *form* is one such spelling of a whole value. Lines, wrapped lines and other parts of a long form
are not listed: `secret_index` recognises any long enough part of it.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote, urlsplit

MIN_FORM_LENGTH = 4
"""Shorter values would mask ordinary words, and do not count as secrets."""
LONG_SECRET_LENGTH = 48
"""Characters of a readable form from which on a part of it is recognised as well."""
LARGE_SECRET_LENGTH = 16 * 1024
"""Characters from which on a value is only looked for as it is, in JSON and in base64."""

_AS_GO = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&"})
"""The spelling of JSON by programs in Go."""
_AS_NUMBERS = str.maketrans({"&": "&#38;", "<": "&#60;", ">": "&#62;", '"': "&#34;", "'": "&#39;"})
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_PEM_BORDER = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
_IN_DOUBLE_QUOTES = re.compile(r'(["\\$`])')
_FOR_SHELL = re.compile(r"""([ \t\n'"\\|&;()<>!{}*\[\]?^$`])""")
_FOR_SHELL_AND_COMMAS = re.compile(r"""([ \t\n'"\\|&;()<>!{}*\[\]?^$`,]|(?<=[=:])~)""")
_ANSI_C = {
    **{chr(code): f"\\{code:03o}" for code in (*range(32), 127)},
    **dict(zip("\a\b\t\n\v\f\r\x1b'\\", (f"\\{char}" for char in "abtnvfrE'\\"), strict=True)),
}
_SECRET_NAME = re.compile(r"key|token|secret|pass|pwd|credential|auth|private|dsn", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)=(.*)")


@dataclass(frozen=True)
class SecretForm:
    """One spelling; `coded` where it resembles no ordinary text, so a short part is evidence."""

    text: str
    coded: bool = False


def list_forms(secret: str) -> Iterator[SecretForm]:
    """Yield the spellings of a secret, of its short lines, and of the strings that it holds."""
    if len(secret.strip()) < MIN_FORM_LENGTH:
        return
    large = len(secret) > LARGE_SECRET_LENGTH
    values = (secret, secret.strip(), *_short_lines(secret), *_inner_strings(secret))
    for value in dict.fromkeys(values):
        yield from _iter_spellings(value, large=large)


def _iter_spellings(value: str, *, large: bool) -> Iterator[SecretForm]:
    """Yield each spelling that is long enough, once."""
    plain = {value, *(_json_forms(value) if large else _escaped_forms(value))}
    coded = set(_encoded_forms(value.encode("utf-8", "replace"), large=large))
    yield from (SecretForm(text) for text in sorted(plain) if len(text) >= MIN_FORM_LENGTH)
    yield from (SecretForm(text, coded=True) for text in sorted(coded - plain) if len(text) >= 6)


def _short_lines(secret: str) -> list[str]:
    """Return the lines that give a secret away; where all are short, the shortest as well.

    A long line needs no form of its own: it is a long part of the whole. A large secret has so
    many lines that the shortest would be found in any text.
    """
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) < 2:
        return []
    lines = [line for line in lines if not _PEM_BORDER.fullmatch(line)]
    least = 8 if len(secret) <= LARGE_SECRET_LENGTH else 12
    if not any(len(line) >= least for line in lines):
        least = MIN_FORM_LENGTH
    return [line for line in lines if least <= len(line) < LONG_SECRET_LENGTH]


def _inner_strings(secret: str) -> Iterator[str]:
    """Yield what a program may print after it has read the secret: decoded strings, a password."""
    for name, text in _named_strings(secret):
        if _is_telling(name, text):
            yield from (text, *_short_lines(text))
    try:
        password = urlsplit(secret.strip()).password or ""
    except ValueError:
        return
    yield from (text for text in (password, unquote(password)) if len(text) >= MIN_FORM_LENGTH)


def _named_strings(secret: str) -> Iterator[tuple[str, str]]:
    """Yield the strings of a JSON text, or the values of lines like `NAME=value`."""
    if secret.lstrip()[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            yield from _iter_leaves("", json.loads(secret))
            return
    for line in secret.splitlines() if "\n" in secret.strip() else ():
        if assigned := _ASSIGNMENT.fullmatch(line.strip()):
            yield assigned[1], assigned[2].strip("'\"")


def _iter_leaves(name: str, content: object) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield name, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _iter_leaves(str(key), value)
    elif isinstance(content, list):
        for value in content:
            yield from _iter_leaves(name, value)


def _is_telling(name: str, text: str) -> bool:
    """Return whether a named string is a secret itself: not a region, an address or a kind."""
    if len(text) < 8 or _is_public_url(text):
        return False
    mixed = any(char.isdigit() for char in text) and any(char.isalpha() for char in text)
    random = len(text) >= 16 and mixed and " " not in text and "@" not in text
    return random or bool(_SECRET_NAME.search(name))


def _is_public_url(text: str) -> bool:
    """Return whether `text` is a URL without credentials."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and parts.password is None and not parts.query


def _escaped_forms(value: str) -> Iterator[str]:
    yield repr(value)[1:-1]
    yield from _json_forms(value)
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield quoted
        yield _PERCENT.sub(lambda match: match.group().lower(), quoted)
    yield from _html_forms(value)
    yield from _shell_forms(value)


def _json_forms(value: str) -> Iterator[str]:
    for as_ascii in (True, False):
        once = json.dumps(value, ensure_ascii=as_ascii)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=as_ascii)[1:-1]
        yield once.replace("/", "\\/")
        yield once.translate(_AS_GO)


def _html_forms(value: str) -> Iterator[str]:
    for quotes in (True, False):
        once = html.escape(value, quote=quotes)
        yield once
        yield once.replace("&#x27;", "&#39;")
        yield once.replace("&#x27;", "&apos;")
        yield once.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield value.translate(_AS_NUMBERS)


def _shell_forms(value: str) -> Iterator[str]:
    """Yield the spellings of `export -p`, `set -x`, `printf %q` and Python's `shlex`."""
    yield _IN_DOUBLE_QUOTES.sub(r"\\\1", value)
    yield value.replace("'", "'\\''")
    yield value.replace("'", "'\"'\"'")
    first = "\\" if value[:1] in ("#", "~") else ""
    yield first + _FOR_SHELL.sub(r"\\\1", value)
    yield first + _FOR_SHELL_AND_COMMAS.sub(r"\\\1", value)
    yield "".join(_ANSI_C.get(char, char) for char in value)
    yield "".join(_to_octal(byte) for byte in value.encode("utf-8", "replace"))


def _to_octal(byte: int) -> str:
    return _ANSI_C.get(chr(byte), chr(byte)) if byte < 128 else f"\\{byte:03o}"


def _encoded_forms(value: bytes, *, large: bool) -> Iterator[str]:
    """Yield base64 and hex, also of the value inside a longer text, at each of three offsets."""
    for encode in (base64.b64encode, *(() if large else (base64.urlsafe_b64encode,))):
        yield encode(value).decode()
        for offset in range(3):
            first, after = -(-offset * 8 // 6), (offset + len(value)) * 8 // 6
            yield encode(b"\0" * offset + value).decode()[first:after]
    if not large:
        yield value.hex()
        yield value.hex().upper()
