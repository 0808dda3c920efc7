"""Previews of a firing: its texts and the decisions of all policies, without firing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.actions.blueprints.blueprints import template_of
from chalicelib.actions.firing import policies
from chalicelib.actions.firing.firing import (
    Occurrence,
    is_active,
    prompt_template_of,
    resolve_repo,
    template_values,
)
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.template import render_template
from chalicelib.domain.errors import Fault, Invalid, NotFound
from chalicelib.domain.firing.decision import BlueprintContext
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.ids import FiringId
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import Overlap
from chalicelib.ports import World


@dataclass(frozen=True, kw_only=True)
class PolicyVerdict:
    """The decision of one policy about a firing now."""

    policy: str
    fires: bool
    message: str
    for_triggers: bool = False
    """True if it applies to triggers only: manual firings ignore it."""


@dataclass(frozen=True, kw_only=True)
class FiringPreview:
    """A rendered title and prompt, the names without a value, and the unused params."""

    title: str
    prompt: str
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    verdicts: tuple[PolicyVerdict, ...] = ()

    @property
    def would_start(self) -> bool:
        """Return whether a manual firing would start a run."""
        return all(verdict.fires or verdict.for_triggers for verdict in self.verdicts)


def stored_params(world: World, blueprint: Blueprint, firing_id: FiringId) -> dict[str, object]:
    """Return the params of a firing; raise `NotFound` if it belongs to another blueprint."""
    firing = world.firings.get(firing_id)
    if firing.blueprint_id != blueprint.id:
        raise NotFound("firing", firing_id)
    brief = world.firings.get_brief(firing_id) or Brief()
    params: dict[str, object] = json.loads(brief.params)
    return params


def preview_firing(
    world: World, blueprint: Blueprint, params: Mapping[str, object]
) -> FiringPreview:
    """Return the result of a manual firing with these params; raise `Invalid` as it would."""
    blueprint, where = _resolve_repo(world, blueprint, params)
    basis = BlueprintContext(blueprint=blueprint, template=template_of(world, blueprint))
    occurrence = Occurrence(
        source=blueprint.id, identity="preview", trigger_type=TriggerType.MANUAL, params=params
    )
    scope = template_values(world, basis, occurrence)
    title, prompt = (
        render_template(blueprint.title, scope),
        render_template(prompt_template_of(basis), scope),
    )
    schema = basis.params_schema
    faults = world.expressions.find_violations(schema, params) if schema else []
    return FiringPreview(
        title=title.text,
        prompt=prompt.text,
        missing=tuple(dict.fromkeys((*title.missing, *prompt.missing))),
        unused=tuple(name for name in params if name in title.unused and name in prompt.unused),
        verdicts=(*where, *_policy_verdicts(world, blueprint, faults)),
    )


def _resolve_repo(
    world: World, blueprint: Blueprint, params: Mapping[str, object]
) -> tuple[Blueprint, list[PolicyVerdict]]:
    if not blueprint.leaves_repo_open:
        return blueprint, []
    try:
        resolved = resolve_repo(world, blueprint, params)
    except Invalid as error:
        return blueprint, [PolicyVerdict(policy="repoUrl", fires=False, message=error.message)]
    return resolved, [
        PolicyVerdict(policy="repoUrl", fires=True, message=f"the repo is {resolved.repo_url}")
    ]


def preview_text(text: str, params: Mapping[str, object]) -> FiringPreview:
    """Return the preview of a library template; only its prompt is rendered."""
    rendered = render_template(text, params)
    return FiringPreview(
        title="", prompt=rendered.text, missing=rendered.missing, unused=rendered.unused
    )


def _policy_verdicts(
    world: World, blueprint: Blueprint, faults: list[Fault]
) -> list[PolicyVerdict]:
    paused = PolicyVerdict(
        policy="paused",
        fires=blueprint.enabled,
        message="it is not paused" if blueprint.enabled else "it is paused",
    )
    message = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    schema = PolicyVerdict(
        policy="paramsSchema", fires=not faults, message=message or "the params match the schema"
    )
    return [
        paused,
        schema,
        *_open_pr_verdicts(world, blueprint),
        *_overlap_verdicts(world, blueprint),
    ]


def _open_pr_verdicts(world: World, blueprint: Blueprint) -> list[PolicyVerdict]:
    """Return the decisions about open pull requests, which apply to triggers only."""
    verdicts = []
    if blueprint.restricts_open_prs:
        held = policies.decide_open_prs(world, blueprint)
        message = f"{blueprint.on_open_pr}: {held.open_runs} open now"
        if blueprint.max_open_prs is not None:
            message += f", at most {blueprint.max_open_prs}"
        if held.target_run and not held.blocks:
            message += f"; it continues {held.target_run.branch}"
        fires = not held.blocks
        verdicts.append(
            PolicyVerdict(policy="onOpenPr", fires=fires, message=message, for_triggers=True)
        )
    if blueprint.skip_if_unchanged:
        same = policies.is_unchanged(world, blueprint)
        message = (
            "its branch is unchanged" if same else "its branch has changed, or its state is unknown"
        )
        verdicts.append(
            PolicyVerdict(
                policy="skipIfUnchanged", fires=not same, message=message, for_triggers=True
            )
        )
    return verdicts


def _overlap_verdicts(world: World, blueprint: Blueprint) -> list[PolicyVerdict]:
    if not blueprint.tracks_active:
        return []
    held = world.run_sets.held_runs(blueprint.active_key)
    active = sum(is_active(world, run_id) for run_id in held)
    verdicts = []
    for trigger in world.triggers.list_of_blueprint(blueprint):
        allowed = {Overlap.SKIP: 1, Overlap.BUFFER_ONE: 2}.get(trigger.overlap_policy)
        fires = allowed is None or active < allowed
        message = f"{trigger.overlap_policy.value} of trigger {trigger.id}: {active} active now"
        if trigger.overlap_policy is not Overlap.ALLOW:
            verdicts.append(
                PolicyVerdict(policy="overlap", fires=fires, message=message, for_triggers=True)
            )
    return verdicts
