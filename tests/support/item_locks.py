"""Items that ongoing transactions hold, in front of an emulator that runs one call at a time.

DynamoDB's developer guide, "Transaction conflict handling": a request conflicts if an item of it is
part of an ongoing `TransactWriteItems`. That is a write of one item, or any item of another
transaction: a condition check is an item like any other. Reads conflict with nothing here, because
no store reads in a transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from botocore.endpoint import Endpoint

from chalicelib.storage.records import TABLE_RECORDS

TRANSACTION = "TransactWriteItems"
ONGOING = "Transaction is ongoing for the item"
Item = tuple[str, str]
Answer = tuple[Any, dict[str, Any]]


def items_of(operation: str, body: dict[str, Any]) -> list[Item]:
    """Return the table and key of each item that a request writes or checks."""
    if operation == TRANSACTION:
        asked = [one for item in body["TransactItems"] for one in item.values()]
    else:
        asked = [body] if operation in ("PutItem", "UpdateItem", "DeleteItem") else []
    return [(one["TableName"], _key_of(one["TableName"], one)) for one in asked]


def _key_of(table: str, asked: dict[str, Any]) -> str:
    named = asked.get("Key") or asked["Item"]
    return json.dumps([named[part] for part in _key_parts()[table]])


@cache
def _key_parts() -> dict[str, list[str]]:
    """Return the attributes of each table's key."""
    return {
        table.Meta.table_name: [
            attribute.attr_name
            for attribute in table.get_attributes().values()
            if attribute.is_hash_key or attribute.is_range_key
        ]
        for table in TABLE_RECORDS
    }


class ItemLocks:
    """The items of all ongoing transactions; `pause` lets time pass in the middle of each."""

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause
        self.held: set[Item] = set()
        self.refused = 0

    def send(self, operation: str, body: bytes, send: Callable[[], Answer]) -> Answer:
        """Send a request, or refuse it because of an ongoing transaction."""
        items = items_of(operation, json.loads(body))
        if self.held & set(items):
            self.refused += 1
            transacts = operation == TRANSACTION
            codes = ["TransactionConflict" if item in self.held else "None" for item in items]
            return _cancellation(codes) if transacts else _refusal()
        if operation != TRANSACTION:
            return send()
        self.held |= set(items)
        try:
            self._pause()
            return send()
        finally:
            self.held -= set(items)


def _refusal() -> Answer:
    return _answer({"Error": {"Code": "TransactionConflictException", "Message": ONGOING}})


def _cancellation(codes: list[str]) -> Answer:
    message = f"Transaction cancelled, please refer cancellation reasons [{', '.join(codes)}]"
    reasons = [{"Code": code} | ({"Message": ONGOING} if code != "None" else {}) for code in codes]
    error = {"Code": "TransactionCanceledException", "Message": message}
    return _answer({"Error": error, "CancellationReasons": reasons})


def _answer(parsed: dict[str, Any]) -> Answer:
    told = {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RequestId": "r"}
    return SimpleNamespace(status_code=400, headers={}, content=b""), {
        **parsed,
        "ResponseMetadata": told,
    }


@contextmanager
def locked_items(locks: ItemLocks) -> Iterator[None]:
    """Let the requests of every client of DynamoDB meet the items that transactions hold."""
    real = Endpoint.make_request

    def make_request(self: Any, model: Any, request: Any) -> Any:
        if model.service_model.service_name != "dynamodb":
            return real(self, model, request)
        return locks.send(model.name, request["body"], lambda: real(self, model, request))

    with patch.object(Endpoint, "make_request", make_request):
        yield
