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


def way(live: Template | None, template: Template) -> list[Template]:
    """Return the templates to deploy, one after the other; the last is the one that is wanted."""
    if live is None:
        return [template]
    new, old = _apart(template, live), _apart(live, template)
    additions = [
        _with(live, {table: added[:number] for table, added in new.items()}, template)
        for number in range(1, 1 + _most(new))
    ]
    removals = [
        _with(template, {table: removed[number:] for table, removed in old.items()}, live)
        for number in range(_most(old) + 1)
    ]
    return [*additions, *removals]


def _apart(template: Template, other: Template) -> dict[str, list[Index]]:
    """Return the indexes that tables of both have in the one only."""
    theirs = dict(_tables(other))
    return {
        name: [index for key, index in indexes.items() if key not in theirs[name]]
        for name, indexes in _tables(template)
        if name in theirs
    }


def _tables(template: Template) -> Iterator[tuple[str, dict[str, Index]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == TABLE:
            indexes = resource["Properties"].get("GlobalSecondaryIndexes", ())
            yield name, {index["IndexName"]: index for index in indexes}


def _most(apart: Mapping[str, list[Index]]) -> int:
    return max(map(len, apart.values()), default=0)


def _with(base: Template, more: Mapping[str, list[Index]], source: Template) -> Template:
    """Return a template with more indexes, whose keys are described in another one."""
    template = copy.deepcopy(base)
    for table, indexes in more.items():
        properties = template["Resources"][table]["Properties"]
        if indexes:
            existing = properties.get("GlobalSecondaryIndexes", [])
            properties["GlobalSecondaryIndexes"] = [*existing, *copy.deepcopy(indexes)]
            described = source["Resources"][table]["Properties"]["AttributeDefinitions"]
            properties["AttributeDefinitions"] = _described(properties, described)
    return template


def _described(properties: Mapping[str, Any], more: list[Any]) -> list[Any]:
    """Return the descriptions of the attributes that are keys, and of no other."""
    by_name = {
        definition["AttributeName"]: definition
        for definition in (*more, *properties["AttributeDefinitions"])
    }
    keyed = [properties, *properties["GlobalSecondaryIndexes"]]
    names = {key["AttributeName"] for part in keyed for key in part["KeySchema"]}
    return [definition for name, definition in by_name.items() if name in names]
