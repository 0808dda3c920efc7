"""Upgrades that change several indexes of a table: DynamoDB makes or drops one at a time.

New indexes come before the code that queries them; old ones go after it. Each template in between
differs from the one before by one index of a table at most.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Template = dict[str, Any]
Index = Mapping[str, Any]
TABLE = "AWS::DynamoDB::Table"


def way(live: Template | None, wanted: Template) -> list[Template]:
    """Return the templates to deploy, one after the other; the last is the one that is wanted."""
    if live is None:
        return [wanted]
    new, old = _apart(wanted, live), _apart(live, wanted)
    additions = [
        _with(live, {table: found[:number] for table, found in new.items()}, wanted)
        for number in range(1, 1 + _most(new))
    ]
    removals = [
        _with(wanted, {table: found[number:] for table, found in old.items()}, live)
        for number in range(_most(old) + 1)
    ]
    return [*additions, *removals]


def _apart(one: Template, other: Template) -> dict[str, list[Index]]:
    """Return the indexes that tables of both have in the one only."""
    theirs = dict(_tables(other))
    return {
        name: [index for key, index in indexes.items() if key not in theirs[name]]
        for name, indexes in _tables(one)
        if name in theirs
    }


def _tables(template: Template) -> Iterator[tuple[str, dict[str, Index]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == TABLE:
            found = resource["Properties"].get("GlobalSecondaryIndexes", ())
            yield name, {index["IndexName"]: index for index in found}


def _most(apart: Mapping[str, list[Index]]) -> int:
    return max(map(len, apart.values()), default=0)


def _with(base: Template, more: Mapping[str, list[Index]], source: Template) -> Template:
    """Return a template with more indexes, whose keys are described in another one."""
    made = copy.deepcopy(base)
    for table, indexes in more.items():
        properties = made["Resources"][table]["Properties"]
        if indexes:
            there = properties.get("GlobalSecondaryIndexes", [])
            properties["GlobalSecondaryIndexes"] = [*there, *copy.deepcopy(indexes)]
            described = source["Resources"][table]["Properties"]["AttributeDefinitions"]
            properties["AttributeDefinitions"] = _described(properties, described)
    return made


def _described(properties: Mapping[str, Any], more: list[Any]) -> list[Any]:
    """Return the descriptions of the attributes that are keys, and of no other."""
    known = {one["AttributeName"]: one for one in (*more, *properties["AttributeDefinitions"])}
    keyed = [properties, *properties["GlobalSecondaryIndexes"]]
    names = {key["AttributeName"] for part in keyed for key in part["KeySchema"]}
    return [one for name, one in known.items() if name in names]
