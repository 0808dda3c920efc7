"""Redelivery: fires a stored occurrence again, under the present configuration, as a new firing."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime

from chalicelib.actions import due_messages
from chalicelib.actions.blueprints.blueprints import template_of
from chalicelib.actions.firing import payload_params
from chalicelib.actions.firing.fire import ALREADY_DECIDED, WriteResult, write_decision
from chalicelib.actions.firing.firing import Occurrence, decide_firing
from chalicelib.actions.idempotency import earlier_result, first_result
from chalicelib.actions.optimistic import conflict_error
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.firing.decision import BlueprintContext, FiringContext
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim
from chalicelib.domain.ids import FiringId
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import OnDemand, OnSchedule, Trigger
from chalicelib.ports import World


def redeliver_firing(
    world: World, firing_id: FiringId, claim: IdempotencyClaim | None = None
) -> Firing:
    """Fire the occurrence of `firing_id` again; of a gap, its last occurrence.

    It is decided as if it arrived now: by the present events, filter, mapping and policies. Reasons
    that apply only to the first time (missed, backlog, loop) do not count, because a person
    requests it.

    Raises `Conflict` if its trigger or blueprint no longer exists, if its delivery could not be
    read, or if the configuration changed concurrently.
    """
    if earlier := earlier_result(world, claim):
        return world.firings.get(FiringId(earlier))
    first = world.firings.get(firing_id)
    brief = world.firings.get_brief(firing_id) or Brief()
    if first.trigger_type == TriggerType.WEBHOOK and brief.events is None and not first.run_id:
        raise Conflict("this delivery could not be read: have its sender send it again")
    basis = _read_context(world, first)
    occurrence = Occurrence(
        source=first.id,
        identity=claim.result_identity if claim else str(uuid.uuid4()),
        trigger_type=first.trigger_type,
        at=_original_time(first),
        params=json.loads(brief.params),
        payload=brief.payload,
        events=brief.events,
        redelivery_of=first.id,
    )
    if isinstance(basis, FiringContext):
        occurrence = _with_present_params(world, basis.trigger, occurrence, brief)
    decision = decide_firing(world, basis, occurrence)
    run_claim = replace(claim, result=decision.firing.id) if claim else None
    result = write_decision(world, replace(decision, claim=run_claim))
    if result in ALREADY_DECIDED and claim:
        return world.firings.get(FiringId(first_result(world, claim)))
    if result is not WriteResult.WRITTEN:
        raise conflict_error("the task")
    if decision.run:
        due_messages.enqueue_if_due_soon(world, [decision.run])
    return decision.firing


def _with_present_params(
    world: World, trigger: Trigger, occurrence: Occurrence, brief: Brief
) -> Occurrence:
    """Return an occurrence with the params that its trigger gives it now."""
    if isinstance(trigger, OnSchedule):
        return replace(occurrence, params=trigger.param_mapping)
    if isinstance(trigger, OnDemand):
        return occurrence
    payload = json.loads(brief.payload or brief.params)
    return payload_params.read_payload_params(world, trigger, occurrence, payload)


def _read_context(world: World, first: Firing) -> BlueprintContext:
    if first.blueprint_id is None:
        raise Conflict(
            "an ad-hoc task has no trigger that could fire again: retry the task instead"
        )
    if first.trigger_id:
        contexts = world.triggers.read_contexts([(first.trigger_id, first.blueprint_id)])
        if first.trigger_id not in contexts:
            raise Conflict("its trigger was removed")
        return contexts[first.trigger_id]
    try:
        blueprint = world.blueprints.get(first.blueprint_id)
    except NotFound as error:
        raise Conflict("its blueprint was removed") from error
    return BlueprintContext(blueprint=blueprint, template=template_of(world, blueprint))


def _original_time(first: Firing) -> datetime | None:
    if first.trigger_type != TriggerType.SCHEDULE:
        return None
    return datetime.fromisoformat(first.until or first.occurrence)
