"""The arithmetic of the cost model: what was counted, times list prices."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from benchmarks import busy, cost, dollars
from benchmarks.busy_parts import BusyParts
from benchmarks.cost import idle
from benchmarks.dollars import Use, count_metrics, measure_invocation
from benchmarks.meter import Meter
from benchmarks.prices import MILLION, PRICES
from benchmarks.report import table
from chalicelib.integrations.aws.metrics import EmbeddedMetrics
from chalicelib.storage.records import TABLE_RECORDS


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
    used = measure_invocation(meter, 512, events=10)
    assert used.of["write units"] == 3
    assert used.of["read units"] == 4
    assert used.of["messages"] == 1
    assert used.of["invocations"] == 1
    seconds = (dollars.SLOWER * 5 + dollars.CALL_MS * 2) / 1000
    assert used.of["gigabyte seconds"] == pytest.approx(seconds / 2)


def test_an_idle_month_ticks_each_minute_and_polls_all_queues_but_that_of_notifications():
    used = idle(Use({"write units": 1, "invocations": 1}), 2)
    assert used.of["metrics"] == 2
    assert used.of["invocations"] == used.of["write units"] == 43_200
    assert used.of["messages"] == 3 * cost.POLLS


def test_nothing_of_an_idle_stage_costs_money_but_ticks_and_polling():
    used = idle(Use({}))
    assert {name for name, number in used.of.items() if number} == {"messages"}
    assert used.total < cost.MOST_IDLE_DOLLARS


def test_tables_under_a_key_in_the_account_ask_for_it_all_month(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPTIO_KMS_KEY", "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c")
    tables = len(TABLE_RECORDS)
    assert idle(Use({})).of["key requests"] == tables * 12 * 24 * 30


def test_the_line_of_the_idle_month_names_its_dollars_with_cents():
    row = dollars.total_row("an idle month", Use({"messages": 1_944_000}), most=1.0)
    assert table("cost", [row]).startswith("cost | an idle month, list prices of ")
    assert " | 0.78 $ | ≤ 1 | yes" in table("cost", [row])
    (part,) = dollars.part_rows("of the idle month:", Use({"messages": 1_944_000, "metrics": 0.01}))
    assert not part.what.startswith("an idle month")


def test_a_busy_month_is_the_sum_of_its_parts(monkeypatch: pytest.MonkeyPatch):
    one = Use({"requests": 1})
    parts = BusyParts(*[one] * 8, metrics=10)
    monkeypatch.setattr(busy, "measure_parts", lambda: parts)
    idle_runner, whole, *rest = busy.month_rows(idle=one, schedule=one, webhook=one)
    builds = rest.pop()
    assert whole.value == pytest.approx(sum(row.value for row in rest))
    assert idle_runner.value == pytest.approx(86_400 * 3.5 / 1e6)
    assert builds.value == 1500
    watched = next(row for row in rest if "10 metrics, alarms, a dashboard" in row.what)
    assert watched.value == pytest.approx(3 + 1.3 + 3)


def test_reads_of_secrets_and_lines_of_runs_are_paid_for():
    meter = Meter(calls=Counter({"GetSecretValue": 4}), log_bytes=2000)
    used = measure_invocation(meter, 512, events=2, printed="x" * 400)
    assert used.of["secret reads"] == used.of["key requests"] == 2
    assert used.of["log gigabytes"] == pytest.approx((600 + 200 + 1000) / 1e9)


def test_each_metric_of_a_tick_is_paid_for_once_however_often_it_is_measured(
    capsys: pytest.CaptureFixture[str],
):
    told = EmbeddedMetrics("prod")
    for _ in range(3):
        told.record_tick(1, timedelta(seconds=1))
    assert count_metrics(f"a line\n{capsys.readouterr().out}") == 2
