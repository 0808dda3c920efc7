"""The variables of the page of one firing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.firing.firing import Brief, Firing, Outcome, Skip
from chalicelib.domain.runs.run import Run
from chalicelib.domain.texts.skip_reason import describe_reason
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import OnWebhook, Trigger
from chalicelib.web.pages.contexts.base import PageContext
from chalicelib.web.pages.contexts.ledger import has_own_occurrence
from chalicelib.web.pages.contexts.marks import StateMark, mark_state
from chalicelib.web.pages.contexts.triggers import TriggerTitle, draw_trigger_title
from chalicelib.web.pages.filters import format_json_value, reindent_json

TITLES = {
    TriggerType.MANUAL: "Manual firing",
    TriggerType.SCHEDULE: "Scheduled firing",
    TriggerType.WEBHOOK: "Webhook firing",
    TriggerType.TICKET: "Ticket firing",
}
OCCURRENCE_LABELS = {
    TriggerType.SCHEDULE: "Due",
    TriggerType.WEBHOOK: "Delivery",
    TriggerType.TICKET: "Ticket",
}


@dataclass(frozen=True, kw_only=True)
class FiringFacts:
    """A firing with its outcome. `occurrence_label` is empty where no occurrence is shown."""

    id: str
    title: str
    mark: StateMark
    run_id: str | None
    run_mark: StateMark | None
    reason: str | None
    missing_params: str
    fired_at: datetime
    occurrence_label: str
    occurrence: str
    until: str | None
    count: int | None
    lateness_ms: int | None
    has_trigger: bool
    redelivery_of: str | None


def draw_firing(firing: Firing, run: Run | None) -> FiringFacts:
    """Return the facts of a firing."""
    reason = describe_reason(firing.reason).capitalize()
    is_on_time = firing.trigger_type == TriggerType.SCHEDULE and not firing.until
    label = OCCURRENCE_LABELS[firing.trigger_type] if has_own_occurrence(firing) else ""
    return FiringFacts(
        id=firing.id,
        title=TITLES[firing.trigger_type],
        mark=mark_state(firing.outcome),
        run_id=firing.run_id,
        run_mark=mark_state(run.state) if run else None,
        reason=None if firing.outcome is Outcome.FIRED else reason,
        missing_params=", ".join(firing.missing_params),
        fired_at=firing.fired_at,
        occurrence_label=label,
        occurrence=firing.occurrence,
        until=firing.until,
        count=firing.count,
        lateness_ms=firing.lateness_ms if is_on_time else None,
        has_trigger=firing.trigger_id is not None,
        redelivery_of=firing.redelivery_of,
    )


@dataclass(frozen=True, kw_only=True)
class FiringTrigger:
    """The trigger of a firing, as it is now; after a skip by its filter also what it accepts."""

    id: str
    title: TriggerTitle
    accepts: str
    filter: str


def draw_firing_trigger(trigger: Trigger, firing: Firing) -> FiringTrigger:
    """Return the trigger of a firing."""
    accepts = matches = ""
    if firing.reason == Skip.FILTERED and isinstance(trigger, OnWebhook):
        events = ", ".join(trigger.webhook.events)
        accepts, matches = (
            f"only {events}" if events else "all events",
            trigger.webhook.filter or "",
        )
    return FiringTrigger(
        id=trigger.id, title=draw_trigger_title(trigger), accepts=accepts, filter=matches
    )


@dataclass(frozen=True, kw_only=True)
class FiringPage(PageContext):
    """The variables of the page of a firing. `params` and `payload` are texts, maybe empty."""

    template = "firing.html"

    blueprint_id: str
    blueprint_name: str
    firing: FiringFacts
    trigger: FiringTrigger | None
    params: str
    payload: str


def draw_firing_page(
    blueprint: Blueprint, firing: Firing, brief: Brief, trigger: Trigger | None, run: Run | None
) -> FiringPage:
    """Return the variables of the page."""
    params = json.loads(brief.params)
    return FiringPage(
        blueprint_id=blueprint.id,
        blueprint_name=blueprint.name,
        firing=draw_firing(firing, run),
        trigger=draw_firing_trigger(trigger, firing) if trigger else None,
        params=format_json_value(params) if params else "",
        payload=reindent_json(brief.payload) if brief.payload else "",
    )
