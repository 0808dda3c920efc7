"""Yardsticks: what a bare botocore transaction and a bare chalice request cost on this machine.

A budget of time is a ratio to one of them, measured in the same run, so that a slower or busier
machine slows both sides.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from chalice.app import Chalice

from benchmarks.gateway import event
from benchmarks.meter import recorded, replayed
from benchmarks.stage import client
from chalicelib.storage.records import CounterRecord

ROWS = 4
"""As many rows as a firing writes at least: its record, its run, its trigger, a counter."""
TIMES = 50
TABLE = CounterRecord.Meta.table_name
COLD = f"""
import botocore.session, chalice.app, pynamodb.models
imported = taken()
client = botocore.session.get_session().create_client("dynamodb", "us-east-1")
rows = [{{"id": {{"S": f"y{{number}}"}}}} for number in range({ROWS})]
puts = [{{"Put": {{"TableName": {TABLE!r}, "Item": row}}}} for row in rows]
client.transact_write_items(TransactItems=puts)
told = {{"imported": imported, "answered": taken()}}
"""
"""A cold process that only imports what everything needs, and writes one transaction."""


def transaction_ms(times: int = TIMES) -> float:
    """Return the CPU milliseconds of a transaction with no layer above botocore."""
    dynamodb = client("dynamodb")
    rows = [_row(number) for number in range(ROWS)]

    def write() -> None:
        dynamodb.transact_write_items(TransactItems=rows)

    write()
    return _cpu_ms(write, times)


def replayed_transaction_ms(times: int = TIMES) -> float:
    """Return the same, with the emulator's answer given again at once."""
    dynamodb = client("dynamodb")
    rows = [_row(number) for number in range(ROWS)]
    with recorded() as answers:
        dynamodb.transact_write_items(TransactItems=rows)
    with replayed(answers):
        return _cpu_ms(lambda: dynamodb.transact_write_items(TransactItems=rows), times)


def request_ms(times: int = TIMES) -> float:
    """Return the CPU milliseconds of a request to a chalice application that does nothing."""
    bare = Chalice("bare")

    @bare.route("/bare", methods=["POST"])
    def echo() -> object:
        assert bare.current_request is not None
        return {"answer": bare.current_request.json_body}

    asked = event("POST", "/bare", b'{"some": "body"}', {})
    bare(asked, None)
    return _cpu_ms(lambda: bare(asked, None), times)


def _row(number: int) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": {"id": {"S": f"yardstick-{number}"}}}}


def _cpu_ms(act: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.process_time()
        act()
        taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken)
