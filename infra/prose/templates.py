"""Passages of a Jinja template: the text between tags, and texts in attributes and calls."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from infra.prose.passages import SKIPPED, Kind, Passage, blank_out

_UNREAD = re.compile(
    r"\{#.*?#\}|<!--.*?-->|<(script|style|svg|pre|code)\b.*?</\1>", re.DOTALL | re.IGNORECASE
)
_ATTRIBUTE = re.compile(r"\b(?:placeholder|title|aria-label|alt)=\"([^\"{]+)\"")
_CALL = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_STRING = re.compile(r"\"([^\"]+)\"|'([^']+)'")
_INLINE_TAG = re.compile(r"</?(?:a|b|em|strong|abbr|time|small|kbd|i)\b[^>]*>")
_BLOCK_TAG = re.compile(r"<[^>]+>|\{%.*?%\}", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_HAS_WORDS = re.compile(r"[A-Za-z]+,? [A-Za-z]+")


def template_passages(text: str) -> Iterator[Passage]:
    """Yield the passages of a template."""
    text = blank_out(_UNREAD, text, "")
    for match in _ATTRIBUTE.finditer(text):
        yield from _passage(text, match.start(), match[1])
    for call in _CALL.finditer(text):
        for match in _STRING.finditer(call[0]):
            yield from _passage(text, call.start() + match.start(), match[1] or match[2])
    visible = blank_out(_EXPRESSION, text)
    visible = blank_out(_INLINE_TAG, visible, "")
    visible = blank_out(_BLOCK_TAG, visible, "\0")
    position = 0
    for part in visible.split("\0"):
        yield from _passage(visible, position + len(part) - len(part.lstrip()), part.strip())
        position += len(part) + 1


def _passage(whole: str, position: int, part: str) -> Iterator[Passage]:
    if _HAS_WORDS.search(part.replace(SKIPPED, "")):
        yield Passage(whole.count("\n", 0, position) + 1, Kind.TEMPLATE, html.unescape(part))
