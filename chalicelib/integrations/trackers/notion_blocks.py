"""Blocks of a Notion page as Markdown, with what is nested in them, within bounds.

Source: Notion API reference, "Block". Children come by a request of their own, so the walk ends
after a stated number of requests and blocks, and marks its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.integrations.trackers.markup_limits import cut_text

MAX_BLOCKS = 1000
MAX_REQUESTS = 30
"""Lists of children that are asked for of one page: at three a second, ten seconds."""
MAX_DEPTH = 8
LEFT_OUT_NOTICE = "[The rest of this page is left out: it is too long or nested too deeply.]"

Block = dict[str, Any]
_MARKS = {
    "heading_1": "# ",
    "heading_2": "## ",
    "heading_3": "### ",
    "bulleted_list_item": "- ",
    "toggle": "- ",
    "quote": "> ",
    "callout": "> ",
}
_FILES = ("image", "file", "pdf", "video", "audio")
_SILENT = ("table_of_contents", "breadcrumb", "column_list", "column", "synced_block", "template")
_OTHERS = ("child_page", "child_database")
"""Pages of their own, which are named and not read."""


@dataclass
class BlockReader:
    """Reads one page; `list_children` returns the blocks below an id, and costs a request."""

    list_children: Callable[[str], Iterable[Block]]
    _blocks: int = 0
    _requests: int = 0
    _ended: bool = field(default=False)

    def read_page(self, page_id: str) -> str:
        """Return the text of a page as Markdown, with a sentence where something is left out."""
        text = self._children(page_id, 0)
        return cut_text(f"{text}\n\n{LEFT_OUT_NOTICE}" if self._ended else text, "Notion")

    def _children(self, block_id: str, depth: int) -> str:
        if depth > MAX_DEPTH or self._requests >= MAX_REQUESTS:
            self._ended = True
            return ""
        self._requests += 1
        lines: list[str] = []
        number = 0
        for block in self.list_children(block_id):
            if self._blocks >= MAX_BLOCKS:
                self._ended = True
                break
            self._blocks += 1
            number = number + 1 if block.get("type") == "numbered_list_item" else 0
            lines.append(self._block(block, number, depth))
        return "\n".join(line for line in lines if line.strip())

    def _block(self, block: Block, number: int, depth: int) -> str:
        kind = str(block.get("type"))
        content = block.get(kind) if isinstance(block.get(kind), dict) else {}
        content = content or {}
        own = _own_text(kind, content, number)
        nested = bool(block.get("has_children")) and kind not in _OTHERS
        below = self._children(str(block.get("id")), depth + 1) if nested else ""
        if kind == "table":
            return _with_head(below)
        if not below:
            return own
        # What is only a frame (columns, synced blocks) adds no level of its own.
        if not own:
            return below
        return own + "\n" + "\n".join(f"  {line}" for line in below.split("\n"))


def _own_text(kind: str, content: Block, number: int) -> str:
    text = to_inline_markdown(content.get("rich_text"))
    if kind in _MARKS:
        return f"{_MARKS[kind]}{_icon(content)}{text}"
    match kind:
        case "numbered_list_item":
            return f"{number}. {text}"
        case "to_do":
            return f"- [{'x' if content.get('checked') else ' '}] {text}"
        case "code":
            return f"```{content.get('language') or ''}\n{text}\n```"
        case "equation":
            return f"$${content.get('expression') or ''}$$"
        case "divider":
            return "---"
        case "table_row":
            cells = (
                to_inline_markdown(cell).replace("|", "\\|") for cell in content.get("cells") or ()
            )
            return f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |"
        case "bookmark" | "embed" | "link_preview":
            return _named(to_inline_markdown(content.get("caption")), str(content.get("url") or ""))
        case "child_page" | "child_database":
            return f"[{kind.replace('_', ' ')}: {content.get('title') or 'untitled'}]"
        case "link_to_page":
            target = str(content.get(str(content.get("type"))) or "")
            return f"[link to page {target}]"
        case _ if kind in _FILES:
            address = (content.get(str(content.get("type"))) or {}).get("url") or ""
            name = to_inline_markdown(content.get("caption")) or str(content.get("name") or kind)
            return _named(name, str(address))
        case _ if kind in _SILENT or kind == "table":
            return ""
        case _ if text or kind == "paragraph":
            return text
    return f"[left out: a block of type {kind}]"


def _with_head(rows: str) -> str:
    """Return rows as a table of Markdown, whose first row is its head."""
    lines = rows.split("\n")
    columns = lines[0].replace("\\|", "").count("|") - 1
    return "\n".join([lines[0], "|" + " --- |" * max(1, columns), *lines[1:]]) if rows else ""


def _icon(content: Block) -> str:
    icon = content.get("icon") or {}
    return f"{icon['emoji']} " if isinstance(icon, dict) and icon.get("emoji") else ""


def _named(name: str, address: str) -> str:
    return f"[{name}]({address})" if name and address else name or address


def to_inline_markdown(parts: Any) -> str:
    """Return rich text as Markdown: its words and its links."""
    return "".join(_part(part) for part in parts or () if isinstance(part, dict))


def _part(part: Block) -> str:
    text, address = str(part.get("plain_text") or ""), part.get("href")
    if not isinstance(address, str) or not address or address == text:
        return text
    return f"[{text}]({address})" if text.strip() else address
