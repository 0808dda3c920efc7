"""The name and the symbol of a trigger, and its card on the page of its blueprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.texts.cron_description import describe_cron
from chalicelib.domain.triggers.trigger import OnSchedule, OnTicket, OnWebhook, Overlap, Trigger
from chalicelib.web.pages.contexts.labels import SOURCE_LABELS
from chalicelib.web.pages.filters import SENDER_LABELS
from chalicelib.web.pages.forms import FormError

ICONS = {"schedule": "clock", "webhook": "hook", "ticket": "ticket"}
MANUAL_ICON = "hand"
CURL_SECRET = "SECRET='the secret you saved'\n"
CURL_SIGNATURE = (
    ' \\\n  -H "X-Optio-Signature: $(printf %s "$BODY" | '
    'openssl dgst -sha256 -hmac "$SECRET" -r | cut -d\' \' -f1)"'
)


@dataclass(frozen=True)
class TriggerTitle:
    """The symbol and the name of a trigger; a webhook's name ends with its path."""

    icon: str
    text: str
    path: str = ""


def draw_trigger_title(trigger: Trigger) -> TriggerTitle:
    """Return the name of a trigger for display."""
    icon = ICONS.get(trigger.type, MANUAL_ICON)
    if isinstance(trigger, OnSchedule):
        zone = trigger.schedule.timezone
        in_zone = f" ({zone})" if zone != "UTC" else ""
        return TriggerTitle(icon, f"{describe_cron(trigger.schedule.cron)}{in_zone}")
    if isinstance(trigger, OnWebhook):
        return TriggerTitle(icon, "Webhook", trigger.webhook.path)
    if isinstance(trigger, OnTicket):
        labels = " or ".join(trigger.ticket.labels)
        source = SOURCE_LABELS[trigger.ticket.source]
        return TriggerTitle(icon, f"{source} ticket{f' labelled {labels}' if labels else ''}")
    return TriggerTitle(icon, "Manual")


@dataclass(frozen=True, kw_only=True)
class ScheduleCard:
    """The times of a schedule trigger."""

    cron: str
    timezone: str
    overlap: str
    next_at: datetime | None
    last_fired_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class WebhookCard:
    """The address of a webhook trigger, what it accepts, and a command that tries it."""

    path: str
    signature: str
    events: str
    filter: str
    curl: str


@dataclass(frozen=True, kw_only=True)
class TriggerCard:
    """A trigger on the page of its blueprint."""

    id: str
    type: str
    title: TriggerTitle
    is_off: bool
    switch_label: str
    schedule: ScheduleCard | None
    webhook: WebhookCard | None
    disabled_reason: str | None
    warnings: Sequence[FormError]


def draw_trigger_card(
    trigger: Trigger, warnings: Sequence[FormError], *, is_paused: bool
) -> TriggerCard:
    """Return the card of a trigger, whose blueprint may be paused."""
    return TriggerCard(
        id=trigger.id,
        type=trigger.type,
        title=draw_trigger_title(trigger),
        is_off=is_paused or not trigger.enabled,
        switch_label="Pause" if trigger.enabled else "Resume",
        schedule=_schedule_card(trigger) if isinstance(trigger, OnSchedule) else None,
        webhook=_webhook_card(trigger) if isinstance(trigger, OnWebhook) else None,
        disabled_reason=trigger.disabled_reason,
        warnings=warnings,
    )


def _schedule_card(trigger: OnSchedule) -> ScheduleCard:
    overlap = trigger.schedule.overlap
    return ScheduleCard(
        cron=trigger.schedule.cron,
        timezone=trigger.schedule.timezone,
        overlap="" if overlap is Overlap.ALLOW else overlap.replace("_", " "),
        next_at=trigger.due_at,
        last_fired_at=trigger.last_fired_at,
    )


def _webhook_card(trigger: OnWebhook) -> WebhookCard:
    webhook = trigger.webhook
    secrets = len(webhook.sealed)
    secret_note = f", any of {secrets} secrets" if secrets > 1 else ""
    return WebhookCard(
        path=webhook.path,
        signature=SENDER_LABELS.get(webhook.preset, webhook.preset)
        + (secret_note if secrets else ", without a secret"),
        events=", ".join(webhook.events),
        filter=webhook.filter or "",
        curl=_curl_command(signed=secrets > 0) if webhook.preset == "optio" else "",
    )


def _curl_command(*, signed: bool) -> str:
    """Return the command that posts to a webhook; the page's script puts its address for `URL`."""
    return (
        f'{CURL_SECRET if signed else ""}BODY=\'{{"hello": "world"}}\'\n'
        "curl -X POST URL -H 'Content-Type: application/json'"
        f"{CURL_SIGNATURE if signed else ''} \\\n"
        '  -d "$BODY"'
    )


@dataclass(frozen=True, kw_only=True)
class TriggerLine:
    """A trigger in the list of blueprints, with one note: its next time, its error or its pause."""

    title: TriggerTitle
    is_off: bool
    next_at: datetime | None
    disabled_reason: str
    is_paused: bool


def draw_trigger_line(trigger: Trigger, *, is_paused: bool) -> TriggerLine:
    """Return the line of a trigger, whose blueprint may be paused."""
    reason = "" if trigger.due_at else trigger.disabled_reason or ""
    return TriggerLine(
        title=draw_trigger_title(trigger),
        is_off=is_paused or not trigger.enabled,
        next_at=trigger.due_at,
        disabled_reason=reason,
        is_paused=not (trigger.due_at or reason or trigger.enabled),
    )
