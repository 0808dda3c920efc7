"""Copies of blueprints."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from chalicelib.actions.blueprints import blueprints
from chalicelib.domain import limits
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.triggers.trigger import OnTicket, OnWebhook, Trigger
from chalicelib.ports import World

NAME_SUFFIX = " (copy)"


def clone_blueprint(
    world: World, original: Blueprint, new_id: BlueprintId, claim: IdempotencyClaim | None = None
) -> tuple[Blueprint, list[Trigger]]:
    """Store a paused copy of a blueprint with its triggers, except webhooks.

    The path of a webhook is unique, so it stays with the original.
    """
    now = world.now()
    copy = replace(
        original,
        id=new_id,
        name=original.name[: limits.MAX_NAME_LENGTH - len(NAME_SUFFIX)] + NAME_SUFFIX,
        enabled=False,
        paused_reason=None,
        version=1,
        created_at=now,
        updated_at=now,
    )
    copies = [
        _copy_trigger(trigger, copy, now)
        for trigger in world.triggers.list_of_blueprint(original)
        if not isinstance(trigger, OnWebhook)
    ]
    return blueprints.create_blueprint(world, copy, copies, claim)


def _copy_trigger(trigger: Trigger, owner: Blueprint, now: datetime) -> Trigger:
    """Return a new trigger with the same settings and no history."""
    copy = replace(
        trigger,
        id=TriggerId(str(uuid.uuid4())),
        blueprint_id=owner.id,
        created_at=now,
        updated_at=now,
        version=1,
        template_id=None,
        next_fire_at=None,
        due_at=None,
        decided_until=None,
        last_fired_at=None,
        failures=0,
        disabled_reason=None,
    )
    if isinstance(copy, OnTicket):
        return replace(copy, ticket=replace(copy.ticket, looked=()))
    return copy
