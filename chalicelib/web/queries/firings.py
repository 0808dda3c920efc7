"""Queries of the ledger, and of triggers with what the ledger holds about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import Brief, Firing
from chalicelib.domain.ids import BlueprintId, FiringId, RunId, TriggerId
from chalicelib.domain.page import Cursor
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.triggers.trigger import OnDemand, OnSchedule, OnWebhook, Trigger
from chalicelib.ports import World

NEWEST_FIRINGS = 20
"""The number of firings in which the last one with a run is looked for."""


@dataclass(frozen=True, kw_only=True)
class LedgerPage:
    """A page of firings, newest first, with the states of their runs by the id of the run."""

    firings: Sequence[Firing]
    run_states: dict[RunId, State]
    position: Cursor | None


def list_of_blueprint(
    world: World, blueprint_id: BlueprintId, before: Cursor | None, limit: int
) -> LedgerPage:
    """Return a page of the firings of a blueprint."""
    firings, position = world.firings.list_of_blueprint(blueprint_id, before, limit)
    return _with_run_states(world, firings, position)


def list_of_trigger(
    world: World, owner: Blueprint, trigger_id: TriggerId, before: Cursor | None, limit: int
) -> LedgerPage:
    """Return a page of the firings of a trigger, which may be deleted.

    Raises `NotFound` if the trigger was not one of this blueprint.
    """
    firings, position = world.firings.list_of_trigger(trigger_id, before, limit)
    if any(firing.blueprint_id != owner.id for firing in firings):
        raise NotFound("trigger", trigger_id)
    return _with_run_states(world, firings, position)


def _with_run_states(
    world: World, firings: Sequence[Firing], position: Cursor | None
) -> LedgerPage:
    run_ids = list(dict.fromkeys(firing.run_id for firing in firings if firing.run_id))
    runs = world.runs.get_many(run_ids) if run_ids else []
    states = {run.id: run.state for run in runs}
    return LedgerPage(firings=firings, run_states=states, position=position)


def get_firing(world: World, firing_id: FiringId) -> tuple[Firing, Brief | None]:
    """Return a firing with its brief; raise `NotFound` if there is none."""
    firing = world.firings.get(firing_id)
    return firing, world.firings.get_brief(firing.id)


def find_run(world: World, firing: Firing) -> Run | None:
    """Return the run that a firing started, if it still exists."""
    runs = world.runs.get_many([firing.run_id]) if firing.run_id else []
    return runs[0] if runs else None


def find_trigger(world: World, firing: Firing) -> Trigger | None:
    """Return the trigger of a firing; None for a manual run or a deleted trigger."""
    if firing.trigger_id is None:
        return None
    try:
        return world.triggers.get(firing.trigger_id)
    except NotFound:
        return None


def blueprint_kind(world: World, firing: Firing) -> Kind:
    """Return the kind of a firing's blueprint; a deleted one counts as a `repo-blueprint`."""
    if firing.blueprint_id is None:
        return Kind.REPO_BLUEPRINT
    try:
        return world.blueprints.get(firing.blueprint_id).kind
    except NotFound:
        return Kind.REPO_BLUEPRINT


@dataclass(frozen=True, kw_only=True)
class TriggerDetails:
    """A trigger, the time of its last firing, and the token that it was offered as its secret."""

    trigger: Trigger
    last_fired_at: datetime | None
    offered_token: str | None = None


def read_trigger(world: World, trigger: Trigger, *, may_see_token: bool) -> TriggerDetails:
    """Return a trigger; webhooks and tickets take their last firing from the ledger."""
    if isinstance(trigger, OnSchedule | OnDemand):
        return TriggerDetails(trigger=trigger, last_fired_at=trigger.last_fired_at)
    newest, _ = world.firings.list_of_trigger(trigger.id, None, NEWEST_FIRINGS)
    fired = (firing.fired_at for firing in newest if firing.run_id)
    return TriggerDetails(
        trigger=trigger,
        last_fired_at=next(fired, None),
        offered_token=read_offered_token(world, trigger) if may_see_token else None,
    )


def list_triggers(world: World, owner: Blueprint, *, may_see_token: bool) -> list[TriggerDetails]:
    """Return the triggers of a blueprint."""
    triggers = world.triggers.list_of_blueprint(owner)
    return [read_trigger(world, trigger, may_see_token=may_see_token) for trigger in triggers]


def read_offered_token(world: World, trigger: Trigger) -> str | None:
    """Return the token that a webhook was offered and that no secret has replaced.

    Anyone may have sent it, so an admin must check it before saving it as the secret.
    """
    if not isinstance(trigger, OnWebhook):
        return None
    webhook = trigger.webhook
    if webhook.offered is None or webhook.sealed:
        return None
    return world.encryption.decrypt_secret(webhook.offered, trigger.id)
