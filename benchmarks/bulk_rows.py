"""Blueprints by the thousand: copies of one that was made through the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from benchmarks.gateway import SECRET
from chalicelib import wiring
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.ids import BlueprintId, TriggerId
from chalicelib.domain.triggers.trigger import OnWebhook, Trigger
from chalicelib.storage.blueprint_rows import (
    blueprint_record,
    trigger_record,
    webhook_listener_record,
)
from chalicelib.storage.dynamo import codec, connection

BATCH = 25
Pair = tuple[TriggerId, BlueprintId]
Item = tuple[str, dict[str, Any]]
Source = tuple[Blueprint, Trigger]


def original(answer: dict[str, Any]) -> Source:
    """Return the blueprint and the trigger that the API returned."""
    world = wiring.get_world()
    return world.blueprints.get(answer["task"]["id"]), world.triggers.get(
        answer["triggers"][0]["id"]
    )


def write(items: Iterable[Item]) -> None:
    """Put rows, twenty-five at a time."""
    left = iter(items)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_put, iter(lambda: list(islice(left, BATCH)), [])))


def _put(items: Sequence[Item]) -> None:
    requests: dict[str, list[Any]] = {}
    for table, item in items:
        requests.setdefault(table, []).append({"PutRequest": {"Item": item}})
    answer = connection.get_connection().dispatch("BatchWriteItem", {"RequestItems": requests})
    assert not answer.get("UnprocessedItems"), "the emulator did not take everything"


def item(row: Any) -> Item:
    """Return a row as DynamoDB takes it."""
    return row.Meta.table_name, row.serialize()


def due_at(source: Source, number: int, moment: datetime, *, owned: bool = True) -> list[Pair]:
    """Make copies that are due at a moment, each with a blueprint of its own if `owned`."""
    owner, was = source
    pairs = [(TriggerId(_id()), BlueprintId(_id()) if owned else owner.id) for _ in range(number)]
    due = json.dumps(item(trigger_record(replace(was, next_fire_at=moment, due_at=moment))))
    whole = json.dumps(item(blueprint_record(owner)))

    def copied(text: str, trigger: str, blueprint: str) -> Item:
        table, copy = json.loads(text.replace(was.id, trigger).replace(owner.id, blueprint))
        if "due_shard" in copy:
            copy["due_shard"] = {"S": codec.shard_of(trigger)}
        return table, copy

    def items() -> Iterator[Item]:
        for pair in pairs:
            yield copied(due, *pair)
            if owned:
                yield copied(whole, *pair)

    write(items())
    return pairs


def listening(source: Source, number: int) -> list[str]:
    """Make copies that listen, each at a path of its own; return the paths."""
    owner, was = source
    seals = wiring.get_world().encryption
    paths = [f"hook-{count}" for count in range(number)]

    def items() -> Iterator[Item]:
        for path in paths:
            trigger, blueprint = TriggerId(_id()), BlueprintId(_id())
            assert isinstance(was, OnWebhook)
            webhook = replace(
                was.webhook, path=path, sealed=(seals.encrypt_secret(SECRET, trigger),)
            )
            copy = replace(was, id=trigger, blueprint_id=blueprint, webhook=webhook)
            yield item(blueprint_record(replace(owner, id=blueprint, trigger_ids=(trigger,))))
            yield item(trigger_record(copy))
            yield item(webhook_listener_record(copy))

    write(items())
    return paths


def _id() -> str:
    return str(uuid.uuid4())
