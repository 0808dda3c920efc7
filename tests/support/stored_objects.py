"""Blueprints, triggers, firings and claims for the stores."""

from __future__ import annotations

from datetime import timedelta

from chalicelib import ports
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.firing.decision import Decision
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim, Outcome
from chalicelib.domain.runs.run import Run, move_run
from chalicelib.domain.runs.state import State
from chalicelib.domain.triggers.trigger import (
    OnSchedule,
    OnTicket,
    OnWebhook,
    ScheduleSettings,
    Trigger,
    WebhookSettings,
)
from tests.conftest import NOON
from tests.support.stored_runs import URL, new_id


def blueprint(**more: object) -> Blueprint:
    fields = {
        "id": new_id(),
        "kind": Kind.REPO_BLUEPRINT,
        "name": "Nightly",
        "title": "Nightly",
        "prompt": "Bump",
        "repo_url": URL,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return Blueprint(**(fields | more))


def trigger(owner: Blueprint, **more: object) -> Trigger:
    fields = {
        "id": new_id(),
        "blueprint_id": owner.id,
        "blueprint_kind": owner.kind,
        "created_at": NOON,
        "updated_at": NOON,
    }
    if "ticket" in more:
        return OnTicket(**(fields | more))
    if "webhook" in more:
        return OnWebhook(**(fields | more))
    return OnSchedule(**({"schedule": ScheduleSettings(cron="0 9 * * *")} | fields | more))


def firing(**more: object) -> Firing:
    fields = {
        "id": new_id(),
        "occurrence": "2026-05-04T12:00:00Z",
        "outcome": Outcome.FIRED,
        "fired_at": NOON,
    }
    return Firing(**(fields | more))


def hook(owner: Blueprint, path: str = "alerts") -> Trigger:
    return trigger(owner, webhook=WebhookSettings(path=path))


def library(**more: object) -> PromptTemplate:
    fields = {"id": new_id(), "name": "Bump", "template": "Bump", "created_at": NOON}
    return PromptTemplate(**({"updated_at": NOON} | fields | more))


def stored(world: ports.World, thing: Run) -> Run:
    ledger = firing(id=thing.firing_id, run_id=thing.id)
    world.firings.commit_decision(Decision(firing=ledger, run=thing, brief=Brief(prompt="Bump")))
    return world.runs.get(thing.id)


def working(was: Run) -> Run:
    return move_run(was, State.PROVISIONING, by="test", message="admitted", at=NOON)


def claim(key: str = "key#1", **more: object) -> IdempotencyClaim:
    fields = {"digest": "d", "result": "r", "expires_at": NOON + timedelta(hours=1)}
    return IdempotencyClaim(key=key, **(fields | more))
