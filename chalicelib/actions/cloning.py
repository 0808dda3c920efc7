"""Copies of blueprints."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from chalicelib.actions import definitions
from chalicelib.domain import limits
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.firing import Claim
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import World

SUFFIX = " (copy)"


def clone(
    world: World, original: Blueprint, new_id: str, claim: Claim | None = None
) -> tuple[Blueprint, list[Trigger]]:
    """Store a paused copy of a blueprint with its triggers, except webhooks.

    The path of a webhook is unique, so it stays with the original.
    """
    now = world.now()
    copy = replace(
        original,
        id=new_id,
        name=original.name[: limits.NAME - len(SUFFIX)] + SUFFIX,
        enabled=False,
        paused_reason=None,
        version=1,
        created_at=now,
        updated_at=now,
    )
    kept = [_again(one, copy, now) for one in world.triggers.of(original) if one.hook is None]
    return definitions.create(world, copy, kept, claim)


def _again(trigger: Trigger, owner: Blueprint, now: datetime) -> Trigger:
    """Return a new trigger with the same settings and no history."""
    return Trigger(
        ticket=replace(trigger.ticket, looked=()) if trigger.ticket else None,
        id=str(uuid.uuid4()),
        definition_id=owner.id,
        definition_kind=trigger.definition_kind,
        type=trigger.type,
        created_at=now,
        updated_at=now,
        enabled=trigger.enabled,
        schedule=trigger.schedule,
        param_mapping=trigger.param_mapping,
    )
