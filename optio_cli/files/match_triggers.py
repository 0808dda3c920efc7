"""Matches the triggers of a file with those of a stage, because triggers have no names."""

from __future__ import annotations

from collections.abc import Callable

from optio_cli.core.api import Json
from optio_cli.files.diff import FieldDifference, find_differences

TriggerPairs = list[tuple[int, Json, Json]]
TriggerMatcher = Callable[[Json, Json], bool]


def match_triggers(
    wanted: list[Json], found: list[Json]
) -> tuple[list[Json], TriggerPairs, list[tuple[int, Json]]]:
    """Return the triggers to remove, to keep (number, wanted, found) and to add.

    The most similar triggers are matched first: equal ones, then those with the same path, cron
    expression or source, then any two of the same type, webhooks excepted.
    """
    left = list(enumerate(wanted))
    there = list(found)
    kept: TriggerPairs = []
    rules: tuple[TriggerMatcher, ...] = (_is_same, _has_same_key, _has_same_kind)
    for alike in rules:
        for number, one in list(left):
            matches = [old for old in there if alike(one, old)]
            if matches:
                match = min(matches, key=lambda old: len(_differences_of(one, old)))
                kept.append((number, one, match))
                left.remove((number, one))
                there.remove(match)
    return there, sorted(kept, key=lambda pair: pair[0]), left


def _differences_of(one: Json, old: Json) -> list[FieldDifference]:
    config = {name: value for name, value in one.get("config", {}).items() if name != "secret"}
    return find_differences(config, old["config"])


def _is_same(one: Json, old: Json) -> bool:
    return one.get("type") == old["type"] and not _differences_of(one, old)


def _has_same_key(one: Json, old: Json) -> bool:
    config = one.get("config", {})
    key = {"webhook": "path", "schedule": "cronExpression", "ticket": "source"}.get(old["type"])
    return (
        one.get("type") == old["type"]
        and key is not None
        and not find_differences({key: config.get(key)}, old["config"])
    )


def _has_same_kind(one: Json, old: Json) -> bool:
    return bool(one.get("type") == old["type"] != "webhook")
