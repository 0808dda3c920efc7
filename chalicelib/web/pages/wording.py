"""How things read: times, durations, money, states."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from markupsafe import Markup, escape

from chalicelib.domain import webhook_senders
from chalicelib.domain.cron_description import describe_cron
from chalicelib.domain.number_text import format_dollars
from chalicelib.domain.repo import FROM_TICKET
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.pages.typed import param_text

STATES = {
    "queued": ("Queued", "wait"),
    "provisioning": ("Starting", "busy"),
    "running": ("Running", "busy"),
    "pr_opened": ("PR open", "open"),
    "needs_attention": ("Needs you", "warn"),
    "completed": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "cancelled": ("Cancelled", "off"),
    "fired": ("Fired", "good"),
    "skipped": ("Skipped", "off"),
    "delivered": ("Delivered", "good"),
    "pending": ("Waits", "wait"),
}
REASONS = {
    "paused": "it was paused",
    "filtered": "its filter did not want it",
    "overlap": "an earlier run was not over",
    "missed": "nothing was running then",
    "open_pr": "an earlier pull request is still open",
    "unchanged": "nothing changed since the last run",
    "missing_params": "its prompt names what nothing gave a value",
    "loop": "it came from our own doing",
    "untrusted": "nobody who may write to the repo set its label",
    "backlog": "it was there before the trigger",
    "ping": "its sender only tried the address out",
}
EVENTS = {
    "task.completed": "A run is done",
    "task.failed": "A run failed",
    "task.needs_attention": "A run needs you",
    "task.pr_opened": "A pull request is open",
    "trigger.skipped": "A firing was skipped",
    "trigger.missed": "Firings were missed",
    "trigger.failed": "A trigger failed",
    "definition.paused": "A task was paused",
    "webhook.test": "A test",
}
VERBS = {
    "create": "made",
    "set": "kept",
    "update": "changed",
    "remove": "removed",
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "retry": "retried",
    "clone": "cloned",
    "redeliver": "delivered once more",
    "re-enable": "re-enabled",
    "sync": "had read",
    "test": "tried out",
    "rotate-secret": "gave a new secret to",
    "retry-failed": "retried all failed",
    "cancel-active": "cancelled all active",
}
DEEDS = {
    "run.create": "started the run",
    "session.create": "signed in",
    "session.remove": "signed out",
    "session.refuse": "was not let in",
    "sign-in-link.create": "made a link to sign in",
}
KINDS = {"provider": "place of tickets", "key": "API key"}
FIELDS = {
    "repoUrl": "Repo",
    "repoBranch": "Branch",
    "paramMapping": "Params",
    "agentType": "Agent",
    "agentCommand": "Script",
    "promptTemplateId": "Template",
    "timezone": "Time zone",
    "timeoutMinutes": "Time limit",
    "maxRetries": "Retries",
    "maxTurns": "Most turns",
    "maxConcurrent": "At once",
    "maxConcurrentTasks": "At once",
    "paramsSchema": "Schema of the params",
    "jitterSeconds": "Spread",
    "maxOpenPrs": "Open at most",
    "prLabels": "Their labels",
    "maxAutoResumes": "Goes on at most",
    "branchPrefix": "Prefix of branches",
    "includeSetupChanges": "What setup changes",
    "forgeApiUrl": "API of GitHub Enterprise",
}
SENDERS = {name: sender.label for name, sender in webhook_senders.SENDERS.items()}
AGENTS = {
    "claude-code": "Claude Code",
    "codex": "Codex",
    "copilot": "Copilot",
    "gemini": "Gemini",
    "opencode": "OpenCode",
    "command": "Script",
}
UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))


def state_word(state: str) -> str:
    return STATES.get(state, (state.replace("_", " ").capitalize(), "off"))[0]


def tone(state: str) -> str:
    return STATES.get(state, ("", "off"))[1]


def moment(at: datetime | None, form: str = "ago") -> Markup:
    """Return a time element; the script of the page puts it into the reader's zone."""
    if at is None:
        return Markup('<span class="mute">\N{EN DASH}</span>')
    utc = at.astimezone(UTC)
    iso, plain = f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    short = f"{utc:%d %b %H:%M}" if form != "clock" else f"{utc:%H:%M:%S}"
    return Markup('<time datetime="{}" title="{}" data-form="{}">{}</time>').format(
        iso, plain, form, short
    )


def occurrence(name: str) -> Markup | str:
    """Return an occurrence as a person reads it: a moment in the reader's zone, or its name."""
    try:
        at = datetime.fromisoformat(name)
    except ValueError:
        return f"{name[:59]}\N{HORIZONTAL ELLIPSIS}" if len(name) > 60 else name
    return moment(at, "date") if at.tzinfo else name


def span(length: timedelta | float | None) -> str:
    """Return a duration in its two largest units."""
    if length is None:
        return "\N{EN DASH}"
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    whole = max(0, round(seconds))
    for size, unit, lower, name in UNITS:
        if whole >= size:
            rest = whole % size // lower
            return f"{whole // size}{unit} {rest}{name}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"


def money(cost: float | None) -> str:
    if cost is None:
        return "\N{EN DASH}"
    return format_dollars(cost)


def count(number: int | None) -> str:
    return "\N{EN DASH}" if number is None else f"{number:,}"


def repo_name(url: str | None) -> str:
    """Return the part of a repo's URL that people call it by."""
    if not url:
        return ""
    if url == FROM_TICKET:
        return "the ticket's repo"
    path = url.partition("://")[2]
    parts = [part for part in path.split("/") if part]
    return "/".join(parts[-2:]) if len(parts) > 2 else "/".join(parts[-1:])


def web_link(url: str | None) -> str:
    """Return a URL that a page may link to, or nothing."""
    return url if url and url.startswith(("https://", "http://")) else ""


def reason(text: str | None) -> str:
    return REASONS.get(text or "", text or "")


def field_words(name: str) -> str:
    """Return the name of a field as its form labels it."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.rpartition("param.")[2])
    return FIELDS.get(name) or words[:1].upper() + words[1:].lower()


def pretty(thing: object) -> str:
    return json.dumps(thing, indent=2, ensure_ascii=False)


def deed(action: str) -> str:
    """Return an action of the record as a person would say it."""
    kind, _, verb = action.partition(".")
    return (
        DEEDS.get(action)
        or f"{VERBS.get(verb, verb.replace('-', ' '))} the {KINDS.get(kind, kind)}"
    )


def reindented(text: str) -> str:
    """Return a JSON text so that a person can read it."""
    try:
        return pretty(json.loads(text))
    except ValueError:
        return text


def lines(text: str) -> Markup:
    """Return text with its lines kept."""
    return Markup("<br>").join(escape(part) for part in text.split("\n"))


FILTERS: dict[str, Callable[..., Any]] = {
    "cursor": encode_cursor,
    "state_word": state_word,
    "tone": tone,
    "moment": moment,
    "occurrence": occurrence,
    "span": span,
    "money": money,
    "count": count,
    "repo_name": repo_name,
    "web_link": web_link,
    "in_words": describe_cron,
    "reason": reason,
    "field_words": field_words,
    "pretty": pretty,
    "param_text": param_text,
    "lines": lines,
    "deed": deed,
    "event_words": lambda event: EVENTS.get(event, event),
    "reindented": reindented,
    "pairs": lambda things: [(thing.id, thing.name) for thing in things],
    "sender": lambda preset: SENDERS.get(preset, preset),
    "agent": lambda kind: AGENTS.get(kind, kind),
}
