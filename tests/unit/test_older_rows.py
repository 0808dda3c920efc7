"""Rows that an older version wrote are read under the names of today."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import Trigger, WebhookSettings
from chalicelib.storage.dynamo.codec import dump_json, load_json

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WEBHOOK = WebhookSettings(path="abc", preset="optio", sealed=())
TRIGGER = Trigger(
    id="t",
    blueprint_id="b",
    blueprint_kind="standalone",
    type=TriggerType.WEBHOOK,
    created_at=NOON,
    updated_at=NOON,
    webhook=WEBHOOK,
)
FIRING = Firing(
    id="f", occurrence="o", outcome=Outcome.FIRED, fired_at=NOON, blueprint_id="b", trigger_id="t"
)
OLDER = {
    "blueprint_id": "definition_id",
    "blueprint_kind": "definition_kind",
    "webhook": "hook",
}


def as_older(text: str) -> str:
    return json.dumps({OLDER.get(name, name): value for name, value in json.loads(text).items()})


@pytest.mark.parametrize("thing", [TRIGGER, FIRING], ids=["trigger", "firing"])
def test_a_row_with_older_field_names_is_read(thing: Trigger | Firing):
    text = dump_json(thing)
    assert "definition" in as_older(text)

    assert load_json(type(thing), as_older(text)) == thing
    assert load_json(type(thing), text) == thing


def test_a_users_own_key_of_an_older_name_stays():
    trigger = replace(TRIGGER, param_mapping={"definition_id": "$.id", "hook": "$.hook"})

    assert load_json(Trigger, dump_json(trigger)) == trigger
    assert load_json(Trigger, as_older(dump_json(trigger))) == trigger
