"""Jinja filters that format times, durations, money, states and other values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup

from chalicelib.domain.repos.repo import TICKET_REPO_PLACEHOLDER
from chalicelib.domain.texts.number_text import format_dollars
from chalicelib.domain.texts.state_word import state_word
from chalicelib.domain.triggers import webhook_senders

STATE_TONES = {
    "queued": "wait",
    "provisioning": "busy",
    "running": "busy",
    "pr_opened": "open",
    "needs_attention": "warn",
    "completed": "good",
    "failed": "bad",
    "cancelled": "off",
    "fired": "good",
    "skipped": "off",
    "delivered": "good",
    "pending": "wait",
}
"""The colour of a state: of a run, a firing or a delivery."""
EVENT_WORDS = {
    "task.completed": "Run completed",
    "task.failed": "Run failed",
    "task.needs_attention": "Run needs attention",
    "task.pr_opened": "Pull request opened",
    "trigger.skipped": "Firing skipped",
    "trigger.missed": "Firings missed",
    "trigger.failed": "Firing failed",
    "definition.paused": "Blueprint paused",
    "webhook.test": "Test",
}
VERB_WORDS = {
    "create": "created",
    "set": "saved",
    "update": "changed",
    "remove": "removed",
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "retry": "retried",
    "clone": "cloned",
    "redeliver": "redelivered",
    "re-enable": "re-enabled",
    "sync": "synced",
    "test": "tested",
    "rotate-secret": "rotated the secret of",
    "retry-failed": "retried all failed",
    "cancel-active": "cancelled all active",
}
ACTION_WORDS = {
    "task.create": "created the blueprint",
    "task.update": "changed the blueprint",
    "task.remove": "removed the blueprint",
    "task.clone": "cloned the blueprint",
    "task.pause": "paused the blueprint",
    "task.cancel": "cancelled the run",
    "task.retry": "retried the run",
    "task.retry-failed": "retried all failed runs",
    "task.cancel-active": "cancelled all active runs",
    "run.create": "started the run",
    "session.create": "signed in",
    "session.remove": "signed out",
    "session.refuse": "failed to sign in",
    "sign-in-link.create": "created a sign-in link",
}
KIND_WORDS = {"provider": "ticket provider", "key": "API key", "webhook": "webhook endpoint"}
FIELD_WORDS = {
    "repoUrl": "Repo",
    "repoBranch": "Branch",
    "paramMapping": "Params",
    "agentType": "Agent",
    "agentCommand": "Script",
    "promptTemplateId": "Template",
    "timezone": "Time zone",
    "timeoutMinutes": "Time limit",
    "maxRetries": "Retries",
    "maxTurns": "Max turns",
    "image": "Image",
    "computeType": "Compute type",
    "maxConcurrent": "Max parallel runs",
    "maxConcurrentTasks": "Max parallel runs",
    "paramsSchema": "Params schema",
    "jitterSeconds": "Jitter",
    "maxOpenPrs": "Max open PRs",
    "partialWork": "If a run reaches a limit",
    "prLabels": "PR labels",
    "maxAutoResumes": "Max automatic resumes",
    "branchPrefix": "Branch prefix",
    "includeSetupChanges": "Changes by setup commands",
    "forgeApiUrl": "GitHub Enterprise API URL",
}
SENDER_LABELS = {name: sender.label for name, sender in webhook_senders.SENDERS.items()}
AGENT_LABELS = {
    "claude-code": "Claude Code",
    "codex": "Codex",
    "copilot": "Copilot",
    "gemini": "Gemini",
    "opencode": "OpenCode",
    "command": "Script",
}
DURATION_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))


def state_label(state: str) -> str:
    """Return the word of a state with a capital, as a label begins."""
    word = state_word(state).replace("_", " ")
    return word[:1].upper() + word[1:]


def state_tone(state: str) -> str:
    return STATE_TONES.get(state, "off")


def format_time(at: datetime | None, form: str = "ago") -> Markup:
    """Return a time element in UTC; the page's script converts it to the reader's time zone."""
    if at is None:
        return Markup('<span class="mute">\N{EN DASH}</span>')
    utc = at.astimezone(UTC)
    iso, plain = f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    short = f"{utc:%d %b %H:%M}" if form != "clock" else f"{utc:%H:%M:%S}"
    return Markup('<time datetime="{}" title="{}" data-form="{}">{}</time>').format(
        iso, plain, form, short
    )


def format_occurrence(name: str) -> Markup | str:
    """Return an occurrence for display: a time in the reader's zone, or the occurrence's name."""
    try:
        at = datetime.fromisoformat(name)
    except ValueError:
        return f"{name[:59]}\N{HORIZONTAL ELLIPSIS}" if len(name) > 60 else name
    return format_time(at, "date") if at.tzinfo else name


def format_duration(length: timedelta | float | None) -> str:
    """Return a duration in its two largest units."""
    if length is None:
        return "\N{EN DASH}"
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    whole = max(0, round(seconds))
    for size, unit, lower, name in DURATION_UNITS:
        if whole >= size:
            rest = whole % size // lower
            return f"{whole // size}{unit} {rest}{name}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"


def format_cost(cost: float | None) -> str:
    if cost is None:
        return "\N{EN DASH}"
    return format_dollars(cost)


def format_count(number: int | None) -> str:
    return "\N{EN DASH}" if number is None else f"{number:,}"


def repo_name(url: str | None) -> str:
    """Return the short name of a repo, the end of its URL."""
    if not url:
        return ""
    if url == TICKET_REPO_PLACEHOLDER:
        return "the ticket's repo"
    path = url.partition("://")[2]
    parts = [part for part in path.split("/") if part]
    return "/".join(parts[-2:]) if len(parts) > 2 else "/".join(parts[-1:])


def web_link(url: str | None) -> str:
    """Return an HTTP URL that a page may link to, otherwise an empty text."""
    return url if url and url.startswith(("https://", "http://")) else ""


def field_words(name: str) -> str:
    """Return the label of a form's field."""
    label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rpartition("param.")[2])
    return FIELD_WORDS.get(name) or label[:1].upper() + label[1:].lower()


def format_json_value(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def describe_action(action: str) -> str:
    """Return an audit action as a phrase, such as `created the task`."""
    kind, _, verb = action.partition(".")
    return (
        ACTION_WORDS.get(action)
        or f"{VERB_WORDS.get(verb, verb.replace('-', ' '))} the {KIND_WORDS.get(kind, kind)}"
    )


def reindent_json(text: str) -> str:
    """Return a JSON text with indentation; any other text stays as it is."""
    try:
        return format_json_value(json.loads(text))
    except ValueError:
        return text


JINJA_FILTERS: dict[str, Callable[..., Any]] = {
    "moment": format_time,
    "occurrence": format_occurrence,
    "span": format_duration,
    "money": format_cost,
    "count": format_count,
    "repo_name": repo_name,
    "field_words": field_words,
}
