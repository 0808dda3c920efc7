"""Redelivery: fires a stored occurrence again, under the present configuration, as a new firing."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime

from chalicelib.actions import hooks, sending
from chalicelib.actions.claiming import earlier_result, repeated
from chalicelib.actions.definitions import template_of
from chalicelib.actions.firing import Occurrence, commit, decide
from chalicelib.domain.decision import Basis
from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.firing import Brief, Claim, Firing
from chalicelib.ports import Taken, World


def redeliver(world: World, firing_id: str, claim: Claim | None = None) -> Firing:
    """Fire the occurrence of `firing_id` again; of a gap, its last occurrence.

    It is decided as if it arrived now: by the present events, filter, mapping and policies. Reasons
    that apply only to the first time (missed, backlog, loop) do not count, because a person
    requests it.

    Raises `Conflict` if its trigger or blueprint no longer exists, if its delivery could not be
    read, or if the configuration changed concurrently.
    """
    if earlier := earlier_result(world, claim):
        return world.firings.get(earlier)
    first = world.firings.get(firing_id)
    brief = world.firings.brief(firing_id) or Brief()
    if first.trigger_type == "webhook" and brief.events is None and not first.run_id:
        raise Conflict("this delivery could not be read: have its sender send it again")
    basis = _basis(world, first)
    occurrence = Occurrence(
        source=first.id,
        identity=claim.identity if claim else str(uuid.uuid4()),
        trigger_type=first.trigger_type,
        at=_moment(first),
        params=json.loads(brief.params),
        payload=brief.payload,
        events=brief.events,
        redelivery_of=first.id,
    )
    if basis.trigger and first.trigger_type == "schedule":
        occurrence = replace(occurrence, params=basis.trigger.param_mapping)
    elif basis.trigger and first.trigger_type in ("webhook", "ticket"):
        payload = json.loads(brief.payload or brief.params)
        occurrence = hooks.read(world, basis.trigger, occurrence, payload)
    decision = decide(world, basis, occurrence)
    kept = replace(claim, result=decision.firing.id) if claim else None
    try:
        commit(world, replace(decision, claim=kept))
    except Taken as taken:
        if claim and taken.parts & {"claim", "firing", "run"}:
            return world.firings.get(repeated(world, claim))
        raise Conflict("the task was modified concurrently; try again") from taken
    if decision.run:
        sending.send_soon(world, [decision.run])
    return decision.firing


def _basis(world: World, first: Firing) -> Basis:
    if first.definition_id is None:
        raise Conflict(
            "an ad-hoc task has no trigger that could fire again: retry the task instead"
        )
    if first.trigger_id:
        found = world.triggers.bases([(first.trigger_id, first.definition_id)])
        if first.trigger_id not in found:
            raise Conflict("its trigger was removed")
        return found[first.trigger_id]
    try:
        definition = world.blueprints.get(first.definition_id)
    except NotFound as error:
        raise Conflict("its blueprint was removed") from error
    return Basis(definition=definition, template=template_of(world, definition))


def _moment(first: Firing) -> datetime | None:
    if first.trigger_type != "schedule":
        return None
    return datetime.fromisoformat(first.until or first.occurrence)
