"""Atlassian documents (ADF) as Markdown: addresses, names and the separation of blocks stay.

Source: Atlassian, "Atlassian Document Format". Nodes that are not known yield their text, their
address or their children, so that a new kind of node loses its looks alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chalicelib.integrations.trackers.markup_limits import cut_text

MAX_DEPTH = 40
"""The depth of nodes that are read; deeper ones are left out, with a notice."""
TOO_DEEP_NOTICE = "[left out: nested too deeply]"

Node = dict[str, Any]


def to_markdown(document: Any) -> str:
    """Return the text of a document; plain text, as older fields hold it, stays as it is."""
    if not isinstance(document, dict):
        return cut_text(str(document or ""), "Jira")
    return cut_text(_blocks(document, 0), "Jira")


def _kind(node: Node) -> str:
    return str(node.get("type"))


def _children(node: Node) -> list[Node]:
    content = node.get("content")
    children = content if isinstance(content, list) else []
    return [child for child in children if isinstance(child, dict)]


def _attribute(node: Node, *names: str) -> str:
    attributes = node.get("attrs")
    for name in names:
        value = attributes.get(name) if isinstance(attributes, dict) else None
        if isinstance(value, str | int) and str(value).strip():
            return str(value)
    return ""


def _blocks(node: Node, depth: int) -> str:
    """Return the children of a node, an empty line between blocks."""
    if depth > MAX_DEPTH:
        return TOO_DEEP_NOTICE
    parts: list[str] = []
    line: list[str] = []
    for child in [*_children(node), None]:
        if child is not None and _kind(child) in _INLINE:
            line.append(_inline(child, depth))
            continue
        if text := "".join(line).strip():
            parts.append(text)
        line = []
        if child is not None and (text := _block(child, depth + 1)).strip():
            parts.append(text)
    return "\n\n".join(parts)


def _block(node: Node, depth: int) -> str:
    render = _BLOCKS.get(_kind(node))
    if render is not None:
        return render(node, depth)
    return _blocks(node, depth) or _text(node, depth)


def _text(node: Node, depth: int) -> str:
    """Return inline children as one text, or the replacement of a node without any."""
    if depth > MAX_DEPTH:
        return TOO_DEEP_NOTICE
    inner = "".join(_inline(child, depth + 1) for child in _children(node))
    return inner or str(node.get("text") or "") or _attribute(node, "text", "url", "alt", "title")


def _inline(node: Node, depth: int) -> str:
    render = _INLINE.get(_kind(node))
    return render(node) if render is not None else _text(node, depth)


def _marked(node: Node) -> str:
    text = str(node.get("text") or "")
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        kind = _kind(mark) if isinstance(mark, dict) else ""
        if kind == "link" and (address := _attribute(mark, "href")):
            text = address if text.strip() in ("", address) else f"[{text}]({address})"
        elif kind in _MARKS and text.strip():
            text = f"{_MARKS[kind]}{text}{_MARKS[kind]}"
    return text


def _date(node: Node) -> str:
    """Return a day; the format holds milliseconds, older documents hold seconds."""
    try:
        stamp = int(_attribute(node, "timestamp"))
        seconds = stamp / 1000 if abs(stamp) > 10**11 else stamp
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return _attribute(node, "timestamp")


def _mention(node: Node) -> str:
    name = _attribute(node, "text") or _attribute(node, "id")
    return name if name.startswith("@") or not name else f"@{name}"


def _card(node: Node) -> str:
    attributes = node.get("attrs")
    data = attributes.get("data") if isinstance(attributes, dict) else None
    return _attribute(node, "url") or (str(data.get("url") or "") if isinstance(data, dict) else "")


def _media(node: Node) -> str:
    name = _attribute(node, "alt", "__fileName", "url")
    return f"[attachment: {name}]" if name else "[attachment]"


def _list(node: Node, depth: int) -> str:
    first = int(order) if (order := _attribute(node, "order")).isdecimal() else 1
    items = []
    for number, item in enumerate(_children(node)):
        mark = f"{first + number}. " if _kind(node) == "orderedList" else "- "
        items.append(mark + _indent(_part(item, depth + 1).replace("\n\n", "\n"), len(mark)))
    return "\n".join(items)


def _tasks(node: Node, depth: int) -> str:
    items = []
    for item in _children(node):
        if _kind(item) in ("taskList", "decisionList"):
            items.append("  " + _indent(_tasks(item, depth + 1), 2))
            continue
        box = "[x] " if _attribute(item, "state") == "DONE" else "[ ] "
        mark = "- " if _kind(item) == "decisionItem" else f"- {box}"
        items.append(mark + _indent(_part(item, depth), 2))
    return "\n".join(items)


def _part(node: Node, depth: int) -> str:
    """Return the text of a part, such as a list item: its blocks, or itself where it is one."""
    return (
        _inline(node, depth)
        if _kind(node) in _INLINE
        else _blocks(node, depth) or _text(node, depth)
    )


def _indent(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)


def _table(node: Node, depth: int) -> str:
    rows = []
    for row in _children(node):
        cells = [_part(cell, depth + 2).replace("|", "\\|") for cell in _children(row) or [row]]
        rows.append("| " + " | ".join(" ".join(cell.split()) for cell in cells) + " |")
    if rows:
        rows.insert(1, "|" + " --- |" * max(1, len(_children(_children(node)[0]))))
    return "\n".join(rows)


def _quoted(node: Node, depth: int) -> str:
    kind = _attribute(node, "panelType")
    head = f"**{kind.capitalize()}:** " if kind else ""
    return "> " + (head + _blocks(node, depth + 1)).replace("\n", "\n> ")


def _expand(node: Node, depth: int) -> str:
    title, inner = _attribute(node, "title"), _blocks(node, depth + 1)
    return f"**{title}**\n\n{inner}" if title else inner


def _code(node: Node, depth: int) -> str:
    text = _text(node, depth)
    fence = "```" if "```" not in text else "~~~~"
    return f"{fence}{_attribute(node, 'language')}\n{text}\n{fence}"


def _heading(node: Node, depth: int) -> str:
    level = _attribute(node, "level")
    return "#" * (int(level) if level in "123456" and level else 1) + " " + _text(node, depth)


def _macro(node: Node, depth: int) -> str:
    name = _attribute(node, "extensionKey") or "unknown"
    return _blocks(node, depth + 1) or _attribute(node, "text") or f"[left out: the macro {name}]"


_MARKS = {"code": "`", "strong": "**", "em": "*", "strike": "~~"}
_INLINE: dict[str, Callable[[Node], str]] = {
    "text": _marked,
    "hardBreak": lambda _: "\n",
    "mention": _mention,
    "emoji": lambda node: _attribute(node, "text", "shortName"),
    "date": _date,
    "status": lambda node: f"[{_attribute(node, 'text')}]",
    "inlineCard": _card,
    "mediaInline": _media,
    "placeholder": lambda node: _attribute(node, "text"),
    "inlineExtension": lambda node: _attribute(node, "text") or "[left out: a macro]",
}
_BLOCKS: dict[str, Callable[[Node, int], str]] = {
    "paragraph": _text,
    "heading": _heading,
    "bulletList": _list,
    "orderedList": _list,
    "taskList": _tasks,
    "decisionList": _tasks,
    "blockquote": _quoted,
    "panel": _quoted,
    "expand": _expand,
    "nestedExpand": _expand,
    "codeBlock": _code,
    "table": _table,
    "rule": lambda *_: "---",
    "media": lambda node, _: _media(node),
    "blockCard": lambda node, _: _card(node),
    "embedCard": lambda node, _: _card(node),
    "extension": _macro,
    "bodiedExtension": _macro,
}
