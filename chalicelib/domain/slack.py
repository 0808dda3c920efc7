"""Notices formatted for Slack: a line of text, and blocks with the same content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.notice import Event

LONGEST = 2900
"""A section in Slack may have 3000 characters."""
_SIGNS = {
    Event.COMPLETED: ":white_check_mark:",
    Event.FAILED: ":x:",
    Event.NEEDS_ATTENTION: ":raised_hand:",
    Event.PR_OPENED: ":sparkles:",
    Event.SKIPPED: ":fast_forward:",
    Event.MISSED: ":hourglass:",
    Event.UNFIRED: ":warning:",
    Event.PAUSED: ":double_vertical_bar:",
    Event.TEST: ":wave:",
}
_SAID = {
    Event.COMPLETED: "is completed",
    Event.FAILED: "failed",
    Event.NEEDS_ATTENTION: "needs attention",
    Event.PR_OPENED: "opened a pull request",
    Event.SKIPPED: "was skipped",
    Event.MISSED: "was missed",
    Event.UNFIRED: "could not fire",
    Event.PAUSED: "was paused",
}


def message(body: str) -> str:
    """Return the Slack message for the body of a delivery, both as JSON."""
    notice: dict[str, Any] = json.loads(body)
    event, data = Event(notice["type"]), notice["data"]
    line = f"{_SIGNS[event]} {_line(event, data)}"
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _mrkdwn(line[:LONGEST])}]
    details = _details(event, data)
    if details:
        blocks.append({"type": "context", "elements": [_mrkdwn(details[:LONGEST])]})
    return json.dumps({"text": line[:LONGEST], "blocks": blocks}, ensure_ascii=False)


def escaped(text: object) -> str:
    """Return text with Slack's three control characters escaped, so that no syntax is left."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _line(event: Event, data: Mapping[str, Any]) -> str:
    if event is Event.TEST:
        return "This is a test: Optio can send notifications to this channel."
    task, definition = data.get("task"), data.get("definition")
    about = definition if event is Event.PAUSED or not task else task
    name = (about or {}).get("title") or (about or {}).get("name") or "A task"
    return f"*{_linked(str(name)[:500], (about or {}).get('url'))}* {_SAID[event]}"


def _details(event: Event, data: Mapping[str, Any]) -> str:
    task, firing = data.get("task") or {}, data.get("firing") or {}
    parts = [
        event is not Event.PAUSED and _about("of", (data.get("definition") or {}).get("name")),
        _about("class:", task.get("errorClass") or data.get("errorClass")),
        task.get("prUrl") and _linked("pull request", task["prUrl"]),
        _about("reason:", firing.get("reason")),
        _about("occurrence:", firing.get("occurrence")),
        firing.get("count", 1) > 1 and f"{firing['count']} in all",
    ]
    return " · ".join(part for part in parts if part)


def _about(word: str, text: object) -> str:
    return f"{word} {escaped(text)}" if text else ""


def _linked(text: str, url: object) -> str:
    """Return a Slack link; a bar in its URL is escaped, because it would end the URL."""
    if not url:
        return escaped(text)
    return f"<{escaped(url).replace('|', '%7C')}|{escaped(text)}>"
