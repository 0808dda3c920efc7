"""Firing: decides what an occurrence causes, and writes the decision in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.actions import notifying, observing, policies
from chalicelib.domain import firing as firings
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Basis, Decision
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.firing import Brief, Claim, Firing, Outcome, Skip
from chalicelib.domain.one_line import one_line
from chalicelib.domain.repo import named_in
from chalicelib.domain.run import ACTIVE, Run, queued
from chalicelib.domain.template import ALWAYS_THERE, render
from chalicelib.domain.trigger import Overlap, Trigger
from chalicelib.ports import World

MAX_MISSING_NAMES = 20
MAX_NAME_SHOWN = 100
"""The names without a value that a firing and its run keep, and the characters kept of each."""


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """One event that a trigger reacts to, with its identity and data.

    `events` are the event names of a delivery; None if there was no delivery. `decided` is an
    outcome and its reason, if the source already knows that it does not fire.
    """

    source: str
    identity: str
    trigger_type: str
    at: datetime | None = None
    params: Mapping[str, object] | None = None
    payload: str | None = None
    events: tuple[str, ...] | None = None
    claim: Claim | None = None
    redelivery_of: str | None = None
    decided: tuple[Outcome, str] | None = None

    @property
    def firing_id(self) -> str:
        return firings.firing_id(self.source, self.identity)


def decide(
    world: World,
    basis: Basis,
    occurrence: Occurrence,
    *,
    moved: tuple[Trigger, Trigger] | None = None,
    stored: bool = True,
) -> Decision:
    """Return the decision about an occurrence: a run, or a record of the reason for none.

    `moved` is its trigger before and after. A blueprint that is not `stored` (an ad-hoc task) is
    not checked by the transaction.
    """
    definition = basis.definition
    brief = Brief(
        params=json.dumps(dict(occurrence.params or {}), ensure_ascii=False),
        payload=occurrence.payload,
        events=occurrence.events,
    )
    record = _record(basis, occurrence, world.now(), stored=stored)
    kept = Decision(
        firing=record,
        brief=brief,
        definition=definition if stored else None,
        trigger=moved,
        claim=occurrence.claim,
    )
    if not definition.enabled:
        return _unfired(kept, Outcome.SKIPPED, Skip.PAUSED.value)
    if occurrence.trigger_type == "schedule" and policies.unchanged(world, definition):
        return _unfired(kept, Outcome.SKIPPED, Skip.UNCHANGED.value)
    if occurrence.decided:
        return _unfired(kept, *occurrence.decided)
    try:
        return _spawning(world, basis, occurrence, kept)
    except Invalid as error:
        return _unfired(kept, Outcome.FAILED, error.message)


def _spawning(world: World, basis: Basis, occurrence: Occurrence, kept: Decision) -> Decision:
    """Return a decision with a run, unless a policy forbids it; raise `Invalid` for bad params."""
    definition = placed(world, basis.definition, occurrence.params or {})
    basis = replace(basis, definition=definition)
    title, prompt, missing = rendered(world, basis, occurrence)
    kept = replace(kept, firing=replace(kept.firing, missing_params=missing))
    if missing and definition.missing_params != "run":
        skips = definition.missing_params == "skip"
        outcome = Outcome.SKIPPED if skips else Outcome.FAILED
        return _unfired(kept, outcome, Skip.MISSING_PARAMS.value)
    run = _run(kept.firing, basis, title, stored=kept.definition is not None)
    brief = replace(
        kept.brief or Brief(),
        prompt=prompt,
        agent_command=definition.agent_command,
        environment=definition.environment or None,
        draft=definition.draft,
        partial_work=definition.partial_work,
        pr_labels=definition.pr_labels,
    )
    fired = replace(kept, firing=replace(kept.firing, run_id=run.id), brief=brief, run=run)
    crowd = policies.reason_of_crowd(world, basis, run)
    return _unfired(kept, Outcome.FAILED, crowd) if crowd else _overlapping(world, basis, fired)


def commit(world: World, decision: Decision) -> None:
    """Write a decision and announce it; raise `Taken` with the conflicting parts."""
    notifying.promise_firings(world, [decision.firing])
    world.firings.commit(decision)
    observing.fired(world, decision.firing)


def _unfired(kept: Decision, outcome: Outcome, reason: str) -> Decision:
    firing = replace(kept.firing, outcome=outcome, reason=reason[:1000], run_id=None)
    return replace(kept, firing=firing, run=None, active=None)


def placed(world: World, definition: Blueprint, params: Mapping[str, object]) -> Blueprint:
    """Return a blueprint with the repo that the params name, if it leaves the choice to them.

    Raises `Invalid` for a repo that is not configured: tickets may be written by outsiders.
    """
    if not definition.leaves_repo_open:
        return definition
    url = named_in(params)
    if world.repos.find(url) is None:
        raise Invalid(
            f"repository {url!r} is not configured; add it with POST /api/repos", "params.repo"
        )
    return replace(definition, repo_url=url)


def rendered(
    world: World, basis: Basis, occurrence: Occurrence
) -> tuple[str, str, tuple[str, ...]]:
    """Return the title and prompt of an occurrence, and the names in them that had no value.

    Raises `Invalid` if a template no longer parses, or if the params violate the blueprint's
    schema.
    """
    definition, schema = basis.definition, basis.params_schema
    faults = world.expressions.violations(schema, occurrence.params or {}) if schema else []
    if faults:
        first = faults[0]
        raise Invalid(f"bad params: {first.field}: {first.message}", faults=faults)
    scope = values(world, basis, occurrence)
    try:
        title, prompt = render(definition.title, scope), render(prompt_of(basis), scope)
    except Invalid as error:
        raise Invalid(f"bad template: {error.message}", "prompt") from error
    missing = dict.fromkeys(
        name[:MAX_NAME_SHOWN]
        for name in (*title.missing, *prompt.missing)
        if name.partition(".")[0] not in ALWAYS_THERE
    )
    line = one_line(title.text)[:512] or definition.name
    return line, prompt.text, tuple(missing)[:MAX_MISSING_NAMES]


def prompt_of(basis: Basis) -> str:
    """Return the template of the prompt: the library's, otherwise the blueprint's own."""
    return basis.template.template if basis.template else basis.definition.prompt


def values(world: World, basis: Basis, occurrence: Occurrence) -> dict[str, object]:
    """Return the values for templates: the params and the built-in names."""
    now, definition, trigger = world.now(), basis.definition, basis.trigger
    return {
        **(occurrence.params or {}),
        "now": firings.moment_text(now),
        "date": f"{now:%Y-%m-%d}",
        "scheduledTime": firings.moment_text(occurrence.at or now),
        "trigger": {"type": occurrence.trigger_type, "id": trigger.id if trigger else None},
        "task": {"id": firings.run_id(occurrence.firing_id)},
        "blueprint": {"name": definition.name},
        "repo": {"url": definition.repo_url},
    }


def _overlapping(world: World, basis: Basis, decision: Decision) -> Decision:
    """Apply the policies of blueprint and trigger to a run that would start."""
    if basis.trigger is None:
        return decision  # requested by a person, whom no policy restricts
    minded = policies.applied(world, basis.definition, decision)
    if minded is None:
        return _unfired(decision, Outcome.SKIPPED, Skip.OPEN_PR.value)
    decision = minded
    policy = basis.trigger.overlap
    run = decision.run
    if policy is Overlap.ALLOW or run is None:
        return decision
    active = [run_id for run_id in sorted(basis.active) if is_active(world, run_id)]
    relying = replace(decision, active=basis.active)
    if policy is Overlap.CANCEL_OTHER:
        return replace(relying, run=replace(run, cancels=tuple(active)))
    if len(active) >= (1 if policy is Overlap.SKIP else 2):
        return _unfired(decision, Outcome.SKIPPED, Skip.OVERLAP.value)
    # A buffered run starts once no other run of its blueprint is working.
    alone = replace(run, max_concurrent=1) if policy is Overlap.BUFFER_ONE else run
    return replace(relying, run=alone)


def is_active(world: World, run_id: str) -> bool:
    """Return whether a run in the set of active runs is still active; a deleted run is not."""
    try:
        return world.runs.get(run_id).state in ACTIVE
    except NotFound:
        return False


def _record(basis: Basis, occurrence: Occurrence, now: datetime, *, stored: bool) -> Firing:
    at = occurrence.at
    return Firing(
        id=occurrence.firing_id,
        occurrence=firings.moment_text(at) if at else occurrence.identity,
        outcome=Outcome.FIRED,
        fired_at=now,
        definition_id=basis.definition.id if stored else None,
        trigger_id=basis.trigger.id if basis.trigger else None,
        trigger_type=occurrence.trigger_type,
        lateness_ms=firings.lateness(at, now) if at and not occurrence.redelivery_of else 0,
        redelivery_of=occurrence.redelivery_of,
    )


def _run(record: Firing, basis: Basis, title: str, *, stored: bool) -> Run:
    now, definition = record.fired_at, basis.definition
    run = Run(
        id=firings.run_id(record.id),
        type=definition.kind.run_type.value,
        title=title,
        firing_id=record.id,
        created_at=now,
        updated_at=now,
        due_at=now,
        definition_id=definition.id if stored else None,
        definition_name=definition.name if stored else None,
        trigger_id=record.trigger_id,
        repo_url=definition.repo_url,
        repo_branch=definition.repo_branch,
        agent_type=definition.agent_type,
        model=definition.model,
        max_turns=definition.max_turns,
        timeout_minutes=definition.timeout_minutes,
        max_retries=definition.max_retries,
        priority=definition.priority,
        max_concurrent=definition.max_concurrent,
        secrets=definition.secrets,
        missing_params=record.missing_params,
        overlap_key=definition.active_key if stored and definition.tracks_active else None,
        lateness_ms=record.lateness_ms if record.by_itself else None,
    )
    by = record.trigger_type
    return queued(run, by=by, message=f"fired by {'hand' if by == 'manual' else by}")
