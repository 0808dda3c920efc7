"""Splits a template into text and tags, by Handlebars' rules for white space and escapes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from chalicelib.domain.errors import Invalid

_COMMENT = re.compile(r"\{\{~?!")
_LONG_COMMENT = re.compile(r"\{\{~?!--")
_LONG_COMMENT_END = re.compile(r"--~?\}\}")
_ELSE = re.compile(r"^else(?:\s+(?P<block>.+))?\Z", re.DOTALL)
_LINE_BEGINS = re.compile(r"\n\s*\Z")
_LINE_ENDS = re.compile(r"^\s*?\r?\n")


@dataclass(frozen=True)
class Token:
    """A part of a template: `text`, or the content of a tag and its kind.

    The kinds of tags are `show`, `begin`, `else`, `end` and `comment`.
    """

    kind: str
    value: str
    start: int
    trims_left: bool = False
    trims_right: bool = False

    @property
    def may_stand_alone(self) -> bool:
        """Return whether the tag removes its line if nothing else is on it."""
        return self.kind not in ("text", "show")


def cut_template(text: str) -> list[Token]:
    """Return the parts of a template; raise `Invalid` if a tag cannot be parsed."""
    return _trim(_Cutter(text).cut_tokens())


def tag_error(text: str, message: str, start: int) -> Invalid:
    """Return the error about the tag at `start`, with its line number."""
    return Invalid(f"line {text.count(chr(10), 0, start) + 1}: {message}", "template")


class _Cutter:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[Token] = []

    def cut_tokens(self) -> list[Token]:
        text = self._text
        position = search = 0
        while (start := text.find("{{", search)) >= 0:
            before = text[position:start]
            escaped = before.endswith("\\") and not before.endswith("\\\\")
            self._add_text(before.removesuffix("\\"), position)
            if escaped:
                position, search = start, start + 2
            else:
                position = search = self._read_tag(start)
        self._add_text(text[position:], position)
        return self._tokens

    def _add_text(self, text: str, start: int) -> None:
        if text:
            self._tokens.append(Token("text", text, start))

    def _read_tag(self, start: int) -> int:
        """Add the tag at `start`, and return the position of its end."""
        text = self._text
        if text.startswith("{{{{", start):
            raise tag_error(text, "{{{{ is not supported: write \\{{ to print {{", start)
        if _COMMENT.match(text, start):
            return self._read_comment(start)
        triple = text.startswith("{{{", start)
        size = 3 if triple else 2
        end = text.find("}}}" if triple else "}}", start + size)
        if end < 0:
            opening, closing = "{" * size, "}" * size
            raise tag_error(text, f"a {opening} is never closed by {closing}", start)
        inner = text[start + size : end]
        if not triple:
            self._tokens.append(self._classify(inner, start))
        else:
            self._tokens.append(Token("show", inner.strip(), start))
        return end + size

    def _read_comment(self, start: int) -> int:
        text = self._text
        if _LONG_COMMENT.match(text, start):
            end_match = _LONG_COMMENT_END.search(text, start + 5)
            if end_match is None:
                raise tag_error(text, "a {{!-- is never closed by --}}", start)
            end = end_match.end()
        else:
            end = text.find("}}", start) + 2
            if end < 2:
                raise tag_error(text, "a {{! is never closed by }}", start)
        trims = text[start + 2] == "~", text[end - 3] == "~"
        self._tokens.append(Token("comment", "", start, *trims))
        return end

    def _classify(self, inner: str, start: int) -> Token:
        trims = inner.startswith("~"), len(inner) > 1 and inner.endswith("~")
        inner = inner.removeprefix("~").removesuffix("~").strip()
        kind, value = "show", inner
        otherwise = _ELSE.match(inner)
        if inner.startswith("#"):
            kind, value = "begin", inner[1:].strip()
        elif inner.startswith("/"):
            kind, value = "end", inner[1:].strip()
        elif inner == "^" or otherwise:
            kind, value = "else", (otherwise["block"] or "") if otherwise else ""
        elif inner.startswith("^"):
            message = f"{{{{{inner[:64]}}}}} is not supported: use {{{{#unless name}}}}"
            raise tag_error(self._text, message, start)
        elif inner.startswith((">", "*")):
            message = f"{{{{{inner[:64]}}}}} is not supported: write its text here"
            raise tag_error(self._text, message, start)
        elif inner.startswith("&"):
            value = inner[1:].strip()
        return Token(kind, value, start, *trims)


def _trim(tokens: list[Token]) -> list[Token]:
    """Return the parts without the white space that tags remove."""
    trimmed = list(tokens)
    for number, token in enumerate(tokens):
        alone = token.may_stand_alone and _stands_alone(tokens, number)
        if token.kind == "text" or not (alone or token.trims_left or token.trims_right):
            continue
        if number:
            pattern = r"\s+\Z" if token.trims_left else r"[ \t]+\Z" if alone else r"(?!)"
            trimmed[number - 1] = _remove(trimmed[number - 1], pattern)
        if number + 1 < len(tokens):
            pattern = r"^\s+" if token.trims_right else r"^[ \t]*\r?\n?" if alone else r"(?!)"
            trimmed[number + 1] = _remove(trimmed[number + 1], pattern)
    return [token for token in trimmed if token.value or token.kind != "text"]


def _remove(token: Token, pattern: str) -> Token:
    if token.kind != "text":
        return token
    return replace(token, value=re.sub(pattern, "", token.value, count=1))


def _stands_alone(tokens: list[Token], number: int) -> bool:
    """Return whether the line of a tag contains nothing but white space."""
    return _line_begins(tokens, number) and _line_ends(tokens, number)


def _line_begins(tokens: list[Token], number: int) -> bool:
    if number == 0:
        return True
    before = tokens[number - 1]
    if before.kind != "text":
        return False
    return bool(_LINE_BEGINS.search(before.value)) or (number == 1 and before.value.isspace())


def _line_ends(tokens: list[Token], number: int) -> bool:
    if number + 1 == len(tokens):
        return True
    after = tokens[number + 1]
    if after.kind != "text":
        return False
    last = number + 2 == len(tokens)
    return bool(_LINE_ENDS.match(after.value)) or (last and after.value.isspace())
