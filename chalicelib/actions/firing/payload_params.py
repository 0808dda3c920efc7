"""Params of an occurrence, read from its payload through the trigger's mapping and filters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from chalicelib.actions.firing.firing import Occurrence
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing.firing import Outcome, Skip
from chalicelib.domain.limits import MAX_MAPPED_LENGTH
from chalicelib.domain.triggers import webhook_events
from chalicelib.domain.triggers.trigger import OnWebhook, Trigger, WebhookSettings
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.ports import World


def read_payload_params(
    world: World, trigger: Trigger, bare: Occurrence, payload: object
) -> Occurrence:
    """Return an occurrence with its params, and the decision of the trigger's own filters."""
    whole = payload if isinstance(payload, dict) else {"payload": payload}
    text = json.dumps(payload, ensure_ascii=False)
    mapping = trigger.param_mapping
    webhook = trigger.webhook if isinstance(trigger, OnWebhook) else None
    if webhook and _is_ping(webhook, bare.events, payload):
        skipped = (Outcome.SKIPPED, Skip.PING.value)
        return replace(bare, params=whole, payload=text, decided=skipped)
    try:
        params = map_params(world, mapping, payload) if mapping is not None else whole
        passes = webhook is None or _passes_filters(world, webhook, bare.events, payload)
    except Invalid as error:
        failed = (Outcome.FAILED, error.message)
        return replace(bare, params=whole, payload=text, decided=failed)
    return replace(
        bare,
        params=params,
        payload=None if params is payload else text,
        decided=None if passes else (Outcome.SKIPPED, Skip.FILTERED.value),
    )


def _is_ping(webhook: WebhookSettings, events: tuple[str, ...] | None, payload: object) -> bool:
    sender = SENDERS[webhook.preset]
    return events is not None and webhook_events.is_ping(sender, webhook.events, events, payload)


def map_params(world: World, mapping: Mapping[str, object], payload: object) -> dict[str, object]:
    """Return the params that a mapping picks from a payload; a missing value is null."""
    params: dict[str, object] = {}
    room = MAX_MAPPED_LENGTH
    for name, path in mapping.items():
        whole = path == "$"
        params[name] = (
            payload if whole else world.expressions.evaluate_query(jmespath_of(str(path)), payload)
        )
        room -= len(json.dumps(params[name], ensure_ascii=False))
        if room < 0:
            raise Invalid(
                f"the picked params may have at most {MAX_MAPPED_LENGTH:,} characters", name
            )
    return params


def jmespath_of(path: str) -> str:
    """Return the JMESPath without the prefix `$.`."""
    return path.removeprefix("$.")


def _passes_filters(
    world: World, webhook: WebhookSettings, events: tuple[str, ...] | None, payload: object
) -> bool:
    if events is not None and not webhook_events.matches_event(webhook.events, events):
        return False
    if webhook.filter is None:
        return True
    result = world.expressions.evaluate_query(webhook.filter, payload)
    # JMESPath's own definition of false, in which 0 is true.
    return not (result is None or result is False or result in ("", [], {}))
