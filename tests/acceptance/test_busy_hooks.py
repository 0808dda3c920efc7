"""Hundreds of deliveries to one webhook at once, over HTTP and stores that hold their rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.test import Client

from app import app
from chalicelib import wiring
from chalicelib.domain.errors import Busy
from chalicelib.domain.triggers.trigger import Overlap
from chalicelib.web.api import hooks
from chalicelib.web.http.errors import error_response
from chalicelib.web.http.rate_limit import TokenBuckets
from tests.simulation.contention import Crowd


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    buckets = TokenBuckets(100_000)  # what comes is no flood
    monkeypatch.setattr(hooks, "_token_buckets", lambda: buckets)
    with Client(app) as made:
        yield made


def posted(client: Client, number: int) -> Any:
    headers = {"X-Optio-Delivery": f"delivery-{number}", "Content-Type": "application/json"}
    return client.http.request("POST", "/api/hooks/p", headers=headers, body=b"{}")


@pytest.mark.parametrize("overlap", [Overlap.ALLOW, Overlap.SKIP], ids=str)
def test_each_of_five_hundred_deliveries_in_a_second_has_its_firing_or_a_503(
    client: Client, monkeypatch: pytest.MonkeyPatch, overlap: Overlap
):
    crowd = Crowd(overlap=overlap)
    monkeypatch.setattr(wiring, "get_world", lambda: crowd.world)
    crowd.come(crowd.spread(500, 1), lambda number: posted(client, number))
    crowd.run()

    answers = [caller.result for caller in crowd.callers]
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 503}
    told = {json.loads(one.body)["firingId"] for one in answers if one.status_code == 202}
    assert told == {row[0].id for row in crowd.world.tables.all("firings")}
    assert len(told) == statuses[202]
    assert all("Retry-After" in one.headers for one in answers if one.status_code == 503)
    if overlap is Overlap.ALLOW:
        assert statuses == {202: 500}
    else:
        assert statuses[503] > 0, "the set of active runs is one row"

    # Whoever was refused comes again, and nothing fires twice.
    again = [number for number, one in enumerate(answers) if one.status_code == 503]
    crowd.callers.clear()
    for place, number in enumerate(again):
        crowd.come(
            [crowd.clock.seconds + place * 0.05], lambda _, number=number: posted(client, number)
        )
    crowd.run()
    assert {caller.result.status_code for caller in crowd.callers} <= {202}
    assert len(crowd.world.tables.all("firings")) == 500


def test_a_busy_write_is_answered_with_the_time_to_wait():
    refusal = error_response(Busy())
    assert (refusal.status_code, refusal.headers["Retry-After"]) == (503, "2")
