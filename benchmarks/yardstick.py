"""Yardsticks: what a bare botocore transaction and a bare chalice request cost on this machine.

A budget of time is a ratio to one of them, measured in the same run, so that a slower or busier
machine slows both sides.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from chalice.app import Chalice

from benchmarks.gateway import event
from benchmarks.stage import client
from chalicelib.storage.records import CounterRecord

ROWS = 4
"""As many rows as a firing writes at least: its record, its run, its trigger, a counter."""
TIMES = 50
TABLE = CounterRecord.Meta.table_name
PUTS = [{"TableName": TABLE, "Item": {"id": {"S": f"yardstick-{n}"}}} for n in range(ROWS)]
COLD = f"""
import botocore.session, chalice.app, pynamodb.models
imported = taken()
client = botocore.session.get_session().create_client("dynamodb", "us-east-1")
client.transact_write_items(TransactItems=[{{"Put": put}} for put in {PUTS!r}])
figures = {{"imported": imported, "answered": taken()}}
"""
"""A cold process that only imports what everything needs, and writes one transaction."""


def transaction_ms(times: int = TIMES) -> float:
    """Return the CPU milliseconds of a transaction with no layer above botocore."""
    dynamodb = client("dynamodb")
    rows = [{"Put": put} for put in PUTS]

    def write() -> None:
        dynamodb.transact_write_items(TransactItems=rows)

    write()
    return _cpu_ms(write, times)


def request_ms(times: int = TIMES) -> float:
    """Return the CPU milliseconds of a request to a chalice application that does nothing."""
    bare = Chalice("bare")

    @bare.route("/bare", methods=["POST"])
    def echo() -> object:
        assert bare.current_request is not None
        return {"answer": bare.current_request.json_body}

    request = event("POST", "/bare", b'{"some": "body"}', {})
    bare(request, None)
    return _cpu_ms(lambda: bare(request, None), times)


def _cpu_ms(act: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.process_time()
        act()
        taken.append(1000 * (time.process_time() - began))
    return statistics.median(taken)
