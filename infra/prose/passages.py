"""Passages of prose, read from Markdown, Python sources and Jinja templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

SKIPPED = "\N{FULL BLOCK}"
"""Replaces code, quoted text, URLs and template expressions, which no rule reads."""

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^ *(```+|~~~+).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n *\n).)+?(?<!`)\1(?!`)", re.DOTALL)
_IMAGE_OR_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"https?://[^\s)>|]+")
_QUOTED = re.compile(r"\"(?:(?!\n *\n)[^\"]){1,300}\"|“[^”]{1,300}”", re.DOTALL)
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+(?=\S)")


class Kind(StrEnum):
    """Sorts of text; a rule may apply to some of them only."""

    MARKDOWN = "markdown"
    MODULE = "module"
    DOCSTRING = "docstring"
    MESSAGE = "message"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph, list item, heading, table cell or message; `line` is its first line."""

    line: int
    kind: Kind
    text: str


def blank_out(pattern: re.Pattern[str], text: str, replacement: str = SKIPPED) -> str:
    """Return the text without the matches, its line breaks kept so that lines still count."""
    return pattern.sub(lambda match: replacement + "\n" * match[0].count("\n"), text)


def blank_out_code(text: str) -> str:
    """Return the text without inline code, quoted text and URLs; links leave their words."""
    text = blank_out(_CODE, text)
    text = _IMAGE_OR_LINK.sub(r"\1", text)
    return blank_out(_QUOTED, blank_out(_URL, text))


def markdown_passages(text: str, kind: Kind, first_line: int = 1) -> Iterator[Passage]:
    """Yield the passages of Markdown, or of a docstring, which is written like it."""
    text = blank_out_code(blank_out(_FENCE, blank_out(_COMMENT, text, ""), ""))
    begin, lines, in_list = 0, list[str](), False
    for number, line in enumerate([*text.split("\n"), ""], start=first_line):
        is_item = bool(_LIST_ITEM.match(line))
        is_indented = line.startswith("    ") and not in_list and not lines
        is_own = not line.strip() or line.startswith(("#", "|")) or is_indented
        if lines and (is_own or is_item):
            yield Passage(begin, kind, "\n".join(lines))
            lines = []
        if is_own:
            yield from _single_line_passages(line, kind, number)
        else:
            if not lines:
                begin = number
            lines.append(_LIST_ITEM.sub("", line).removeprefix("> "))
        in_list = is_item or (in_list and (not line.strip() or line.startswith(" ")))


def _single_line_passages(line: str, kind: Kind, number: int) -> Iterator[Passage]:
    """Yield the heading, or the cells of the table row, on this line."""
    if line.startswith("#"):
        yield Passage(number, kind, line.lstrip("# "))
    elif line.startswith("|"):
        cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        yield from (Passage(number, kind, cell) for cell in cells if cell.strip(" -:"))
