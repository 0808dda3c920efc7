"""Matches the triggers of a file with those of a stage, because triggers have no names."""

from __future__ import annotations

from collections.abc import Callable

from optio_cli.core.api import Json
from optio_cli.files.diff import FieldDifference, find_differences

TriggerPairs = list[tuple[int, Json, Json]]
TriggerMatcher = Callable[[Json, Json], bool]


def match_triggers(
    target: list[Json], current: list[Json]
) -> tuple[list[Json], TriggerPairs, list[tuple[int, Json]]]:
    """Return the triggers to remove, to keep (number, target, current) and to add.

    The most similar triggers are matched first: equal ones, then those with the same path, cron
    expression or source, then any two of the same type, webhooks excepted.
    """
    left = list(enumerate(target))
    remaining = list(current)
    pairs: TriggerPairs = []
    rules: tuple[TriggerMatcher, ...] = (_is_same, _has_same_key, _has_same_kind)
    for alike in rules:
        for number, trigger in list(left):
            matches = [old for old in remaining if alike(trigger, old)]
            if matches:
                match = min(matches, key=lambda old: len(_differences_of(trigger, old)))
                pairs.append((number, trigger, match))
                left.remove((number, trigger))
                remaining.remove(match)
    return remaining, sorted(pairs, key=lambda pair: pair[0]), left


def _differences_of(trigger: Json, old: Json) -> list[FieldDifference]:
    config = {name: value for name, value in trigger.get("config", {}).items() if name != "secret"}
    return find_differences(config, old["config"])


def _is_same(trigger: Json, old: Json) -> bool:
    return trigger.get("type") == old["type"] and not _differences_of(trigger, old)


def _has_same_key(trigger: Json, old: Json) -> bool:
    config = trigger.get("config", {})
    key = {"webhook": "path", "schedule": "cronExpression", "ticket": "source"}.get(old["type"])
    return (
        trigger.get("type") == old["type"]
        and key is not None
        and not find_differences({key: config.get(key)}, old["config"])
    )


def _has_same_kind(trigger: Json, old: Json) -> bool:
    return bool(trigger.get("type") == old["type"] != "webhook")
