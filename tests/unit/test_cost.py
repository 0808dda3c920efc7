"""The arithmetic of the cost model: what was counted, times list prices."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from benchmarks import cost
from benchmarks.cost import Use, idle, invoked
from benchmarks.meter import Meter
from benchmarks.prices import MILLION, PRICES
from chalicelib.integrations.aws.metrics import EmbeddedMetrics


def test_each_price_says_where_it_is_from():
    for price in PRICES.values():
        assert price.source.startswith("https://aws.amazon.com/")
        assert price.dollars > 0
        assert price.per > 0


def test_a_million_of_what_costs_so_much_for_a_million_costs_just_that():
    used = Use({"write units": 16, "messages": 2}).times(MILLION)
    assert used.dollars == pytest.approx({"write units": 16 * 0.625, "messages": 2 * 0.40})
    assert used.total == pytest.approx(10.80)


def test_uses_add_up():
    both = Use({"write units": 1, "messages": 2}).and_(Use({"messages": 3, "requests": 4}))
    assert both.of == {"write units": 1, "messages": 5, "requests": 4}


def test_an_invocation_is_priced_by_what_a_meter_saw_of_it():
    meter = Meter(
        calls=Counter({"TransactWriteItems": 10, "SendMessageBatch": 10}),
        units=Counter({("runs", ""): 20, ("runs", "due"): 10}),
        read_units=40,
        cpu=0.05,
    )
    used = invoked(meter, 512, events=10)
    assert used.of["write units"] == 3
    assert used.of["read units"] == 4
    assert used.of["messages"] == 1
    assert used.of["invocations"] == 1
    seconds = (cost.SLOWER * 5 + cost.CALL_MS * 2) / 1000
    assert used.of["gigabyte seconds"] == pytest.approx(seconds / 2)


def test_an_idle_month_ticks_each_minute_and_pays_for_what_stands_there():
    used = idle(Use({"write units": 1, "invocations": 1}), 2)
    assert used.of["metrics"] == 2
    assert used.of["invocations"] == used.of["write units"] == 43_200
    assert used.of["alarms"] == used.of["dashboards"] == 0
    assert used.of["secrets"] == 1
    assert used.of["messages"] == 4 * cost.POLLS


def test_each_metric_of_a_tick_is_paid_for_once_however_often_it_is_measured(
    capsys: pytest.CaptureFixture[str],
):
    told = EmbeddedMetrics("prod")
    for _ in range(3):
        told.record_tick(1, timedelta(seconds=1))
    assert cost.metrics(f"a line\n{capsys.readouterr().out}") == 2
