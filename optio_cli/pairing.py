"""Matches the triggers of a file with those of a stage, because triggers have no names."""

from __future__ import annotations

from collections.abc import Callable

from optio_cli.api import Json
from optio_cli.comparing import Difference, differences

Pairs = list[tuple[int, Json, Json]]
Alike = Callable[[Json, Json], bool]


def paired(
    wanted: list[Json], found: list[Json]
) -> tuple[list[Json], Pairs, list[tuple[int, Json]]]:
    """Return the triggers to remove, to keep (number, wanted, found) and to add.

    The most similar triggers are matched first: equal ones, then those with the same path, cron
    expression or source, then any two of the same type, webhooks excepted.
    """
    left = list(enumerate(wanted))
    there = list(found)
    kept: Pairs = []
    rules: tuple[Alike, ...] = (_same, _same_key, _same_kind)
    for alike in rules:
        for number, one in list(left):
            matches = [old for old in there if alike(one, old)]
            if matches:
                match = min(matches, key=lambda old: len(_changed(one, old)))
                kept.append((number, one, match))
                left.remove((number, one))
                there.remove(match)
    return there, sorted(kept, key=lambda pair: pair[0]), left


def _changed(one: Json, old: Json) -> list[Difference]:
    config = {name: value for name, value in one.get("config", {}).items() if name != "secret"}
    return differences(config, old["config"])


def _same(one: Json, old: Json) -> bool:
    return one.get("type") == old["type"] and not _changed(one, old)


def _same_key(one: Json, old: Json) -> bool:
    config = one.get("config", {})
    key = {"webhook": "path", "schedule": "cronExpression", "ticket": "source"}.get(old["type"])
    return (
        one.get("type") == old["type"]
        and key is not None
        and not differences({key: config.get(key)}, old["config"])
    )


def _same_kind(one: Json, old: Json) -> bool:
    return bool(one.get("type") == old["type"] != "webhook")
