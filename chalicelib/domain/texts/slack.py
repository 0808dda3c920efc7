"""Notices formatted for Slack: a line of text, and blocks with the same content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.notifications.notification import Event

MAX_BLOCK_LENGTH = 2900
"""A section in Slack may have 3000 characters."""
_EMOJI = {
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
_PHRASES = {
    Event.COMPLETED: "is completed",
    Event.FAILED: "failed",
    Event.NEEDS_ATTENTION: "needs attention",
    Event.PR_OPENED: "opened a pull request",
    Event.SKIPPED: "was skipped",
    Event.MISSED: "was missed",
    Event.UNFIRED: "could not fire",
    Event.PAUSED: "was paused",
}


def slack_message(body: str) -> str:
    """Return the Slack message for the body of a delivery, both as JSON."""
    content: dict[str, Any] = json.loads(body)
    event, data = Event(content["type"]), content["data"]
    line = f"{_EMOJI[event]} {_headline(event, data)}"
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _mrkdwn(line[:MAX_BLOCK_LENGTH])}]
    details = _detail_lines(event, data)
    if details:
        blocks.append({"type": "context", "elements": [_mrkdwn(details[:MAX_BLOCK_LENGTH])]})
    return json.dumps({"text": line[:MAX_BLOCK_LENGTH], "blocks": blocks}, ensure_ascii=False)


def escape_text(text: object) -> str:
    """Return text with Slack's three control characters escaped, so that no syntax is left."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def _headline(event: Event, data: Mapping[str, Any]) -> str:
    if event is Event.TEST:
        return "This is a test: Optio can send notifications to this channel."
    task, blueprint = data.get("task"), data.get("definition")
    about = blueprint if event is Event.PAUSED or not task else task
    name = (about or {}).get("title") or (about or {}).get("name") or "A task"
    return f"*{_link(str(name)[:500], (about or {}).get('url'))}* {_PHRASES[event]}"


def _detail_lines(event: Event, data: Mapping[str, Any]) -> str:
    task, firing = data.get("task") or {}, data.get("firing") or {}
    parts = [
        event is not Event.PAUSED and _labelled("of", (data.get("definition") or {}).get("name")),
        _labelled("class:", task.get("errorClass") or data.get("errorClass")),
        task.get("prUrl") and _link("pull request", task["prUrl"]),
        _labelled("reason:", firing.get("reason")),
        _labelled("occurrence:", firing.get("occurrence")),
        firing.get("count", 1) > 1 and f"{firing['count']} in all",
    ]
    return " · ".join(part for part in parts if part)


def _labelled(word: str, text: object) -> str:
    return f"{word} {escape_text(text)}" if text else ""


def _link(text: str, url: object) -> str:
    """Return a Slack link; a bar in its URL is escaped, because it would end the URL."""
    if not url:
        return escape_text(text)
    return f"<{escape_text(url).replace('|', '%7C')}|{escape_text(text)}>"
