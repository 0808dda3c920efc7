"""Reads rows of several tables in one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chalicelib.ports import Throttled
from chalicelib.storage.dynamo.connection import RetryWindow, Row, get_connection

Rows = dict[type[Row], dict[str, Any]]
MAX_KEYS_PER_READ = 100


def fetch_rows(keys: Mapping[type[Row], Collection[str]]) -> Rows:
    """Return the present rows with these ids, in consistent reads; missing ones are left out.

    Raises `Throttled` if the store returns incomplete answers for too long.
    """
    pairs = [(model, key) for model, ids in keys.items() for key in dict.fromkeys(ids)]
    rows: Rows = {model: {} for model in keys}
    for start in range(0, len(pairs), MAX_KEYS_PER_READ):
        _fetch_chunk(pairs[start : start + MAX_KEYS_PER_READ], rows)
    return rows


def _fetch_chunk(pairs: list[tuple[type[Row], str]], rows: Rows) -> None:
    requested: dict[str, Any] = {}
    for model, key in pairs:
        table = requested.setdefault(model.Meta.table_name, {"Keys": [], "ConsistentRead": True})
        table["Keys"].append({"id": {"S": key}})
    models = {model.Meta.table_name: model for model in rows}
    patience = RetryWindow()
    while requested:
        answer = get_connection().dispatch("BatchGetItem", {"RequestItems": requested})
        for table, items in answer["Responses"].items():
            for item in items:
                rows[models[table]][item["id"]["S"]] = models[table].from_raw_data(item)
        requested = answer.get("UnprocessedKeys") or {}
        if requested and not patience.wait_briefly():
            raise Throttled("the store returned only some of the requested rows")
