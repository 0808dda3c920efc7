"""Decides what an occurrence causes: a run, or a record of the reason for none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.actions.firing import policies
from chalicelib.domain import ids
from chalicelib.domain.blueprints.blueprint import Blueprint, MissingParams
from chalicelib.domain.blueprints.template import BUILT_IN_NAMES, render_template
from chalicelib.domain.display_text import MAX_REASON_LENGTH, to_one_line
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.firing import firing as firings
from chalicelib.domain.firing.decision import BlueprintContext, Decision, FiringContext
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim, Outcome, Skip
from chalicelib.domain.ids import FiringId, RunId
from chalicelib.domain.repos.repo import repo_url_of_params
from chalicelib.domain.runs.run import Run, queue_run
from chalicelib.domain.runs.state import ACTIVE_STATES
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import Overlap, Trigger
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
    trigger_type: TriggerType
    at: datetime | None = None
    params: Mapping[str, object] | None = None
    payload: str | None = None
    events: tuple[str, ...] | None = None
    claim: IdempotencyClaim | None = None
    redelivery_of: FiringId | None = None
    decided: tuple[Outcome, str] | None = None

    @property
    def firing_id(self) -> FiringId:
        return firings.firing_id(self.source, self.identity)


def decide_firing(
    world: World,
    basis: BlueprintContext,
    occurrence: Occurrence,
    *,
    trigger_change: tuple[Trigger, Trigger] | None = None,
    stored: bool = True,
) -> Decision:
    """Return the decision about an occurrence: a run, or a record of the reason for none.

    `trigger_change` is its trigger before and after. A blueprint that is not `stored` (an ad-hoc
    task) is
    not checked by the transaction.
    """
    blueprint = basis.blueprint
    brief = Brief(
        params=json.dumps(dict(occurrence.params or {}), ensure_ascii=False),
        payload=occurrence.payload,
        events=occurrence.events,
    )
    record = _make_record(basis, occurrence, world.now(), stored=stored)
    unfired = Decision(
        firing=record,
        brief=brief,
        blueprint=blueprint if stored else None,
        trigger=trigger_change,
        claim=occurrence.claim,
    )
    if not blueprint.enabled:
        return _skip(unfired, Outcome.SKIPPED, Skip.PAUSED.value)
    if occurrence.trigger_type == TriggerType.SCHEDULE and policies.is_unchanged(world, blueprint):
        return _skip(unfired, Outcome.SKIPPED, Skip.UNCHANGED.value)
    if occurrence.decided:
        return _skip(unfired, *occurrence.decided)
    try:
        return _decide_run(world, basis, occurrence, unfired)
    except Invalid as error:
        return _skip(unfired, Outcome.FAILED, error.message)


def _decide_run(
    world: World, basis: BlueprintContext, occurrence: Occurrence, unfired: Decision
) -> Decision:
    """Return a decision with a run, unless a policy forbids it; raise `Invalid` for bad params."""
    blueprint = resolve_repo(world, basis.blueprint, occurrence.params or {})
    basis = replace(basis, blueprint=blueprint)
    title, prompt, missing = render_texts(world, basis, occurrence)
    unfired = replace(unfired, firing=replace(unfired.firing, missing_params=missing))
    if missing and blueprint.missing_params != MissingParams.RUN:
        skips = blueprint.missing_params == MissingParams.SKIP
        outcome = Outcome.SKIPPED if skips else Outcome.FAILED
        return _skip(unfired, outcome, Skip.MISSING_PARAMS.value)
    run = _make_run(unfired.firing, basis, title, stored=unfired.blueprint is not None)
    brief = replace(
        unfired.brief or Brief(),
        prompt=prompt,
        agent_command=blueprint.agent_command,
        image=blueprint.image,
        compute_type=blueprint.compute_type,
        environment=blueprint.environment or None,
        draft=blueprint.draft,
        partial_work=blueprint.partial_work,
        pr_labels=blueprint.pr_labels,
    )
    fired = replace(unfired, firing=replace(unfired.firing, run_id=run.id), brief=brief, run=run)
    crowd = policies.overlap_reason(world, basis, run)
    return _skip(unfired, Outcome.FAILED, crowd) if crowd else _apply_policies(world, basis, fired)


def _skip(unfired: Decision, outcome: Outcome, reason: str) -> Decision:
    firing = replace(
        unfired.firing, outcome=outcome, reason=reason[:MAX_REASON_LENGTH], run_id=None
    )
    return replace(unfired, firing=firing, run=None, active=None)


def resolve_repo(world: World, blueprint: Blueprint, params: Mapping[str, object]) -> Blueprint:
    """Return a blueprint with the repo that the params name, if it leaves the choice to them.

    Raises `Invalid` for a repo that is not configured: tickets may be written by outsiders.
    """
    if not blueprint.leaves_repo_open:
        return blueprint
    url = repo_url_of_params(params)
    if world.repos.find_by_url(url) is None:
        raise Invalid(
            f"repository {url!r} is not configured; add it with POST /api/repos", "params.repo"
        )
    return replace(blueprint, repo_url=url)


def render_texts(
    world: World, basis: BlueprintContext, occurrence: Occurrence
) -> tuple[str, str, tuple[str, ...]]:
    """Return the title and prompt of an occurrence, and the names in them that had no value.

    Raises `Invalid` if a template no longer parses, or if the params violate the blueprint's
    schema.
    """
    blueprint, schema = basis.blueprint, basis.params_schema
    faults = world.expressions.find_violations(schema, occurrence.params or {}) if schema else []
    if faults:
        first = faults[0]
        raise Invalid(f"bad params: {first.field}: {first.message}", faults=faults)
    scope = template_values(world, basis, occurrence)
    try:
        title, prompt = (
            render_template(blueprint.title, scope),
            render_template(prompt_template_of(basis), scope),
        )
    except Invalid as error:
        raise Invalid(f"bad template: {error.message}", "prompt") from error
    missing = dict.fromkeys(
        name[:MAX_NAME_SHOWN]
        for name in (*title.missing, *prompt.missing)
        if name.partition(".")[0] not in BUILT_IN_NAMES
    )
    line = to_one_line(title.text)[:512] or blueprint.name
    return line, prompt.text, tuple(missing)[:MAX_MISSING_NAMES]


def prompt_template_of(basis: BlueprintContext) -> str:
    """Return the template of the prompt: the library's, otherwise the blueprint's own."""
    return basis.template.template if basis.template else basis.blueprint.prompt


def template_values(
    world: World, basis: BlueprintContext, occurrence: Occurrence
) -> dict[str, object]:
    """Return the values for templates: the params and the built-in names."""
    now, blueprint = world.now(), basis.blueprint
    return {
        **(occurrence.params or {}),
        "now": ids.format_moment(now),
        "date": f"{now:%Y-%m-%d}",
        "scheduledTime": ids.format_moment(occurrence.at or now),
        "trigger": {"type": str(occurrence.trigger_type), "id": basis.trigger_id},
        "task": {"id": firings.run_id(occurrence.firing_id)},
        "blueprint": {"name": blueprint.name},
        "repo": {"url": blueprint.repo_url},
    }


def _apply_policies(world: World, basis: BlueprintContext, decision: Decision) -> Decision:
    """Apply the policies of blueprint and trigger to a run that would start."""
    if not isinstance(basis, FiringContext):
        return decision  # requested by a person, whom no policy restricts
    minded = policies.apply_open_prs(world, basis.blueprint, decision)
    if minded is None:
        return _skip(decision, Outcome.SKIPPED, Skip.OPEN_PR.value)
    decision = minded
    policy = basis.trigger.overlap_policy
    run = decision.run
    if policy is Overlap.ALLOW or run is None:
        return decision
    active = [run_id for run_id in sorted(basis.active) if is_active(world, run_id)]
    relying = replace(decision, active=basis.active)
    if policy is Overlap.CANCEL_OTHER:
        return replace(relying, run=replace(run, cancels=tuple(active)))
    if len(active) >= (1 if policy is Overlap.SKIP else 2):
        return _skip(decision, Outcome.SKIPPED, Skip.OVERLAP.value)
    # A buffered run starts once no other run of its blueprint is working.
    alone = replace(run, max_concurrent=1) if policy is Overlap.BUFFER_ONE else run
    return replace(relying, run=alone)


def is_active(world: World, run_id: RunId) -> bool:
    """Return whether a run in the set of active runs is still active; a deleted run is not."""
    try:
        return world.runs.get(run_id).state in ACTIVE_STATES
    except NotFound:
        return False


def _make_record(
    basis: BlueprintContext, occurrence: Occurrence, now: datetime, *, stored: bool
) -> Firing:
    at = occurrence.at
    return Firing(
        id=occurrence.firing_id,
        occurrence=ids.format_moment(at) if at else occurrence.identity,
        outcome=Outcome.FIRED,
        fired_at=now,
        blueprint_id=basis.blueprint.id if stored else None,
        trigger_id=basis.trigger_id,
        trigger_type=occurrence.trigger_type,
        lateness_ms=firings.lateness_ms_of(at, now) if at and not occurrence.redelivery_of else 0,
        redelivery_of=occurrence.redelivery_of,
    )


def _make_run(record: Firing, basis: BlueprintContext, title: str, *, stored: bool) -> Run:
    now, blueprint = record.fired_at, basis.blueprint
    run = Run(
        id=firings.run_id(record.id),
        type=blueprint.kind.run_type.value,
        title=title,
        firing_id=record.id,
        created_at=now,
        updated_at=now,
        due_at=now,
        blueprint_id=blueprint.id if stored else None,
        blueprint_name=blueprint.name if stored else None,
        trigger_id=record.trigger_id,
        repo_url=blueprint.repo_url,
        repo_branch=blueprint.repo_branch,
        agent_type=blueprint.agent_type,
        model=blueprint.model,
        max_turns=blueprint.max_turns,
        timeout_minutes=blueprint.timeout_minutes,
        max_retries=blueprint.max_retries,
        priority=blueprint.priority,
        max_concurrent=blueprint.max_concurrent,
        secrets=blueprint.secrets,
        missing_params=record.missing_params,
        overlap_key=blueprint.active_key if stored and blueprint.tracks_active else None,
        lateness_ms=record.lateness_ms if record.is_automatic else None,
    )
    by = record.trigger_type
    return queue_run(run, by=by, message=f"fired by {'hand' if by == TriggerType.MANUAL else by}")
