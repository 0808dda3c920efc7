"""Reads rows of several tables in one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chalicelib.ports import Throttled
from chalicelib.storage.connection import Patience, Row, connection

Rows = dict[type[Row], dict[str, Any]]
MOST_KEYS = 100


def fetch(keys: Mapping[type[Row], Collection[str]]) -> Rows:
    """Return the present rows with these ids, in consistent reads; missing ones are left out.

    Raises `Throttled` if the store returns incomplete answers for too long.
    """
    wanted = [(model, key) for model, ids in keys.items() for key in dict.fromkeys(ids)]
    rows: Rows = {model: {} for model in keys}
    for start in range(0, len(wanted), MOST_KEYS):
        _fetch(wanted[start : start + MOST_KEYS], rows)
    return rows


def _fetch(wanted: list[tuple[type[Row], str]], rows: Rows) -> None:
    asked: dict[str, Any] = {}
    for model, key in wanted:
        table = asked.setdefault(model.Meta.table_name, {"Keys": [], "ConsistentRead": True})
        table["Keys"].append({"id": {"S": key}})
    models = {model.Meta.table_name: model for model in rows}
    patience = Patience()
    while asked:
        answer = connection().dispatch("BatchGetItem", {"RequestItems": asked})
        for table, items in answer["Responses"].items():
            for item in items:
                rows[models[table]][item["id"]["S"]] = models[table].from_raw_data(item)
        asked = answer.get("UnprocessedKeys") or {}
        if asked and not patience.lasts():
            raise Throttled("the store returned only some of the requested rows")
