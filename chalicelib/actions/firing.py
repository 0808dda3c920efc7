"""The one way to fire: what an occurrence calls for, decided and written as a whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain import firing as firings
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.decision import Decision
from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing import Brief, Claim, Firing, Outcome
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import Run, queued
from chalicelib.domain.template import render
from chalicelib.domain.trigger import Trigger
from chalicelib.ports import World


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """One thing to react to, with its identity and what came with it."""

    source: str
    identity: str
    trigger_type: str
    trigger: Trigger | None = None
    at: datetime | None = None
    params: Mapping[str, object] | None = None
    payload: str | None = None
    claim: Claim | None = None

    @property
    def firing_id(self) -> str:
        return firings.firing_id(self.source, self.identity)


def decide(
    world: World,
    definition: Blueprint,
    occurrence: Occurrence,
    *,
    moved: tuple[Trigger, Trigger] | None = None,
    stored: bool = True,
) -> Decision:
    """Return what an occurrence becomes: a run, or a kept failure that says why not.

    `moved` is its trigger before and after. A definition that is not `stored` (an ad-hoc task)
    is not checked by the transaction.
    """
    now = world.now()
    params = dict(occurrence.params or {})
    scope = {**params, **_always(definition, occurrence, now)}
    record = _record(definition if stored else None, occurrence, now)
    try:
        title = render(definition.title, scope).text.strip()[:512] or definition.name
        prompt = render(definition.prompt, scope).text
    except Invalid as error:
        failed = replace(record, outcome=Outcome.FAILED, reason=f"bad template: {error}")
        return Decision(firing=failed, trigger=moved, claim=occurrence.claim)
    brief = Brief(
        prompt=prompt,
        params=json.dumps(params, ensure_ascii=False),
        payload=occurrence.payload,
        agent_command=definition.agent_command,
        environment=definition.environment or None,
    )
    repo = world.repos.find(definition.repo_url) if definition.repo_url else None
    run = _run(record, definition, repo, title, stored=stored)
    return Decision(
        firing=replace(record, run_id=run.id),
        brief=brief,
        run=run,
        definition=definition if stored else None,
        trigger=moved,
        claim=occurrence.claim,
    )


def _record(definition: Blueprint | None, occurrence: Occurrence, now: datetime) -> Firing:
    at = occurrence.at
    return Firing(
        id=occurrence.firing_id,
        occurrence=firings.moment_text(at) if at else occurrence.identity,
        outcome=Outcome.FIRED,
        fired_at=now,
        definition_id=definition.id if definition else None,
        trigger_id=occurrence.trigger.id if occurrence.trigger else None,
        trigger_type=occurrence.trigger_type,
        lateness_ms=firings.lateness(at, now) if at else 0,
    )


def _run(
    record: Firing, definition: Blueprint, repo: Repo | None, title: str, *, stored: bool
) -> Run:
    now = record.fired_at
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
        repo_branch=definition.repo_branch or (repo.default_branch if repo else None),
        agent_type=definition.agent_type,
        model=definition.model,
        max_turns=definition.max_turns,
        timeout_minutes=definition.timeout_minutes,
        max_retries=definition.max_retries,
        priority=definition.priority,
        max_concurrent=definition.max_concurrent,
        repo_limit=repo.max_concurrent_tasks if repo else 2,
        secrets=definition.secrets,
    )
    return queued(run, by=record.trigger_type, message=f"fired by {record.trigger_type}")


def _always(definition: Blueprint, occurrence: Occurrence, now: datetime) -> dict[str, object]:
    trigger = occurrence.trigger
    return {
        "now": firings.moment_text(now),
        "date": f"{now:%Y-%m-%d}",
        "scheduledTime": firings.moment_text(occurrence.at or now),
        "trigger": {"type": occurrence.trigger_type, "id": trigger.id if trigger else None},
        "task": {"id": firings.run_id(occurrence.firing_id)},
        "blueprint": {"name": definition.name},
        "repo": {"url": definition.repo_url},
    }
