"""Previews of a firing: its texts and the decisions of all policies, without firing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.actions import policies
from chalicelib.actions.definitions import template_of
from chalicelib.actions.firing import Occurrence, is_active, placed, prompt_of, values
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Basis
from chalicelib.domain.errors import Fault, Invalid, NotFound
from chalicelib.domain.firing import Brief
from chalicelib.domain.template import render
from chalicelib.domain.trigger import Overlap
from chalicelib.ports import World


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The decision of one policy about a firing now."""

    policy: str
    fires: bool
    message: str
    for_triggers: bool = False
    """True if it applies to triggers only: manual firings ignore it."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A rendered title and prompt, the names without a value, and the unused params."""

    title: str
    prompt: str
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def starts(self) -> bool:
        """Return whether a manual firing would start a run."""
        return all(verdict.fires or verdict.for_triggers for verdict in self.verdicts)


def stored_params(world: World, definition: Blueprint, firing_id: str) -> dict[str, object]:
    """Return the params of a firing; raise `NotFound` if it belongs to another blueprint."""
    firing = world.firings.get(firing_id)
    if firing.definition_id != definition.id:
        raise NotFound("firing", firing_id)
    brief = world.firings.brief(firing_id) or Brief()
    params: dict[str, object] = json.loads(brief.params)
    return params


def preview(world: World, definition: Blueprint, params: Mapping[str, object]) -> Preview:
    """Return the result of a manual firing with these params; raise `Invalid` as it would."""
    definition, where = _placed(world, definition, params)
    basis = Basis(definition=definition, template=template_of(world, definition))
    occurrence = Occurrence(
        source=definition.id, identity="preview", trigger_type="manual", params=params
    )
    scope = values(world, basis, occurrence)
    title, prompt = render(definition.title, scope), render(prompt_of(basis), scope)
    schema = basis.params_schema
    faults = world.expressions.violations(schema, params) if schema else []
    return Preview(
        title=title.text,
        prompt=prompt.text,
        missing=tuple(dict.fromkeys((*title.missing, *prompt.missing))),
        unused=tuple(name for name in params if name in title.unused and name in prompt.unused),
        verdicts=(*where, *_verdicts(world, definition, faults)),
    )


def _placed(
    world: World, definition: Blueprint, params: Mapping[str, object]
) -> tuple[Blueprint, list[Verdict]]:
    if not definition.leaves_repo_open:
        return definition, []
    try:
        found = placed(world, definition, params)
    except Invalid as error:
        return definition, [Verdict(policy="repoUrl", fires=False, message=error.message)]
    return found, [Verdict(policy="repoUrl", fires=True, message=f"the repo is {found.repo_url}")]


def preview_text(text: str, params: Mapping[str, object]) -> Preview:
    """Return the preview of a library template; only its prompt is rendered."""
    rendered = render(text, params)
    return Preview(title="", prompt=rendered.text, missing=rendered.missing, unused=rendered.unused)


def _verdicts(world: World, definition: Blueprint, faults: list[Fault]) -> list[Verdict]:
    paused = Verdict(
        policy="paused",
        fires=definition.enabled,
        message="it is not paused" if definition.enabled else "it is paused",
    )
    said = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    schema = Verdict(
        policy="paramsSchema", fires=not faults, message=said or "the params match the schema"
    )
    return [paused, schema, *_open_prs(world, definition), *_overlaps(world, definition)]


def _open_prs(world: World, definition: Blueprint) -> list[Verdict]:
    """Return the decisions about open pull requests, which apply to triggers only."""
    found = []
    if definition.minds_open_prs:
        held = policies.open_prs(world, definition)
        words = f"{definition.on_open_pr}: {held.open} open now"
        if definition.max_open_prs is not None:
            words += f", at most {definition.max_open_prs}"
        if held.works_on and not held.skipped:
            words += f"; it continues {held.works_on.branch}"
        fires = not held.skipped
        found.append(Verdict(policy="onOpenPr", fires=fires, message=words, for_triggers=True))
    if definition.skip_if_unchanged:
        same = policies.unchanged(world, definition)
        words = (
            "its branch is unchanged" if same else "its branch has changed, or its state is unknown"
        )
        found.append(
            Verdict(policy="skipIfUnchanged", fires=not same, message=words, for_triggers=True)
        )
    return found


def _overlaps(world: World, definition: Blueprint) -> list[Verdict]:
    if not definition.tracks_active:
        return []
    held = world.slots.held(definition.active_key)
    active = sum(is_active(world, run_id) for run_id in held)
    verdicts = []
    for trigger in world.triggers.of(definition):
        allowed = {Overlap.SKIP: 1, Overlap.BUFFER_ONE: 2}.get(trigger.overlap)
        fires = allowed is None or active < allowed
        message = f"{trigger.overlap.value} of trigger {trigger.id}: {active} active now"
        if trigger.overlap is not Overlap.ALLOW:
            verdicts.append(
                Verdict(policy="overlap", fires=fires, message=message, for_triggers=True)
            )
    return verdicts
