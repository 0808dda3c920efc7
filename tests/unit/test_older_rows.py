"""Rows that an older version wrote are read under the names of today."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import OnWebhook, Trigger, WebhookSettings
from chalicelib.storage.blueprint_rows import load_trigger, trigger_record
from chalicelib.storage.dynamo.codec import dump_json, load_json

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
WEBHOOK = WebhookSettings(path="abc", preset="optio", sealed=())
TRIGGER = OnWebhook(
    id="t",
    blueprint_id="b",
    blueprint_kind="standalone",
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


SHARED = {
    "id": "t",
    "blueprint_id": "b",
    "blueprint_kind": "standalone",
    "created_at": "2026-05-04T12:00:00Z",
    "updated_at": "2026-05-04T12:00:00Z",
}
TIMES = {"next_fire_at": "2026-05-05T09:00:00Z", "due_at": "2026-05-05T09:00:00Z"}
ROWS: list[dict[str, Any]] = [
    {**SHARED, **TIMES, "type": "schedule", "schedule": {"cron": "0 9 * * *", "timezone": "UTC"}},
    {**SHARED, "type": "webhook", "webhook": {"path": "abc", "preset": "github", "sealed": ["x"]}},
    {**SHARED, "type": "ticket", "ticket": {"source": "github", "labels": ["agent"]}},
    {**SHARED, "type": "manual", "param_mapping": {"who": "me"}},
]
"""The rows of triggers of each type."""


def stored(trigger: Trigger) -> str:
    text: str = trigger_record(trigger).data
    return text


def test_a_trigger_with_older_field_names_is_read():
    text = stored(TRIGGER)
    assert "definition" in as_older(text)

    assert load_trigger(as_older(text)) == TRIGGER
    assert load_trigger(text) == TRIGGER


def test_a_firing_with_older_field_names_is_read():
    text = dump_json(FIRING)
    assert "definition" in as_older(text)

    assert load_json(Firing, as_older(text)) == FIRING
    assert load_json(Firing, text) == FIRING


def test_a_users_own_key_of_an_older_name_stays():
    trigger = replace(TRIGGER, param_mapping={"definition_id": "$.id", "hook": "$.hook"})

    assert load_trigger(stored(trigger)) == trigger
    assert load_trigger(as_older(stored(trigger))) == trigger


def test_each_type_of_trigger_has_a_row():
    assert {row["type"] for row in ROWS} == set(TriggerType)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["type"])
def test_a_trigger_is_read_as_its_type_and_written_with_it(row: dict[str, Any]):
    trigger = load_trigger(json.dumps(row))
    assert trigger.type == row["type"]
    written = json.loads(stored(trigger))
    assert set(written) == set(row)
    assert load_trigger(json.dumps(written)) == trigger
