"""Definitions by the thousand: copies of one that was made through the API."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from benchmarks.gateway import SECRET
from chalicelib import wiring
from chalicelib.domain.blueprint import Blueprint
from chalicelib.domain.trigger import Trigger
from chalicelib.storage import connection
from chalicelib.storage.rows import blueprint_row, hook_row, trigger_row

BATCH = 25
Pair = tuple[str, str]


def original(answer: dict[str, Any]) -> tuple[Blueprint, Trigger]:
    """Return the definition and the trigger that the API answered."""
    world = wiring.world()
    return world.blueprints.get(answer["task"]["id"]), world.triggers.get(
        answer["triggers"][0]["id"]
    )


def write(rows: Iterable[Any]) -> None:
    """Put rows, twenty-five at a time."""
    left = iter(rows)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_put, iter(lambda: list(islice(left, BATCH)), [])))


def _put(rows: Sequence[Any]) -> None:
    asked: dict[str, list[Any]] = {}
    for row in rows:
        asked.setdefault(row.Meta.table_name, []).append({"PutRequest": {"Item": row.serialize()}})
    answer = connection.connection().dispatch("BatchWriteItem", {"RequestItems": asked})
    assert not answer.get("UnprocessedItems"), "the emulator did not take everything"


def due_at(
    source: tuple[Blueprint, Trigger], number: int, moment: datetime, *, owned: bool = True
) -> list[Pair]:
    """Make copies that are due at a moment, each with a definition of its own if `owned`."""
    owner, was = source
    pairs = [(_id(), _id() if owned else owner.id) for _ in range(number)]

    def rows() -> Iterator[Any]:
        for trigger, definition in pairs:
            if owned:
                yield blueprint_row(replace(owner, id=definition, trigger_ids=(trigger,)))
            yield trigger_row(
                replace(
                    was,
                    id=trigger,
                    definition_id=definition,
                    next_fire_at=moment,
                    due_at=moment,
                )
            )

    write(rows())
    return pairs


def listening(source: tuple[Blueprint, Trigger], number: int) -> list[str]:
    """Make copies that listen, each at a path of its own; return the paths."""
    owner, was = source
    seals = wiring.world().seals
    paths = [f"hook-{count}" for count in range(number)]

    def rows() -> Iterator[Any]:
        for path in paths:
            trigger, definition = _id(), _id()
            assert was.hook is not None
            hook = replace(was.hook, path=path, sealed=(seals.seal(SECRET, trigger),))
            copy = replace(was, id=trigger, definition_id=definition, hook=hook)
            yield blueprint_row(replace(owner, id=definition, trigger_ids=(trigger,)))
            yield trigger_row(copy)
            yield hook_row(copy)

    write(rows())
    return paths


def _id() -> str:
    return str(uuid.uuid4())
