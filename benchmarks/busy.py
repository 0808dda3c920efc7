"""A busy month, part by part, and the month of an idle runner.

Assumed: the amount of each part, and the time that forges and trackers take. Counted: the use of
each part, with a forge and a tracker that answer at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from unittest.mock import patch

from benchmarks.busy_parts import BusyParts, measure_parts
from benchmarks.dollars import Use, total_row
from benchmarks.report import Row
from chalicelib.runner.claim_pace import ACTIVE_WAIT_SECONDS, IDLE_WAIT_SECONDS
from infra.package import resources

MONTH_SECONDS = 30 * 24 * 3600
RUNS, BY_WEBHOOK, MINUTES = 30_000, 10_000, 10
"""A thousand runs a day, a third of them by webhooks, of ten minutes each."""
BEAT_SECONDS = 3
PULL_REQUESTS, LOOKS = 15_000, 30
"""Half of the runs have a pull request, which is looked at thirty times until its merge."""
PROVIDERS = 2
"""Each is read once a minute."""


@dataclass(frozen=True)
class Part:
    """Some of a month, with its use."""

    what: str
    use: Use


def month_rows(*, idle: Use, schedule: Use, webhook: Use) -> Iterable[Row]:
    """Yield the dollars of an idle runner, of a busy month and of each of its parts."""
    measured = measure_parts()
    questions = MONTH_SECONDS / IDLE_WAIT_SECONDS
    yield total_row("an idle runner of your own, a month", measured.question.times(questions))
    month = _month(measured, idle, schedule, webhook)
    whole = Use({})
    for part in month:
        whole = whole.and_(part.use)
    name = f"a busy month of {RUNS:,} runs of {MINUTES} minutes"
    yield total_row(f"{name}, on runners of your own", whole)
    for part in sorted(month, key=lambda part: -part.use.total):
        yield Row(what=f"of the busy month: {part.what}", value=part.use.total, unit="$")
    builds = Use({"build minutes": RUNS * MINUTES})
    yield total_row("the same runs as builds of CodeBuild (small), in addition", builds)


def _month(measured: BusyParts, idle: Use, schedule: Use, webhook: Use) -> list[Part]:
    beats, questions = RUNS * MINUTES * 60 / BEAT_SECONDS, MONTH_SECONDS / ACTIVE_WAIT_SECONDS
    looks, syncs = PULL_REQUESTS * LOOKS, PROVIDERS * MONTH_SECONDS / 60
    return [
        Part("ticks, and polling of queues", idle),
        Part(f"{RUNS - BY_WEBHOOK:,} firings by schedules", schedule.times(RUNS - BY_WEBHOOK)),
        Part(f"{BY_WEBHOOK:,} firings by webhooks", webhook.times(BY_WEBHOOK)),
        Part(f"{RUNS:,} admissions", measured.admission.times(RUNS)),
        Part(f"{RUNS:,} claims", measured.claim.times(RUNS)),
        Part(f"{questions:,.0f} questions of a runner", measured.question.times(questions)),
        Part(f"{beats:,.0f} heartbeats with log lines", measured.beat.times(beats)),
        Part(f"{RUNS:,} reports", measured.report.times(RUNS)),
        Part(f"{PULL_REQUESTS:,} pull requests opened", measured.publish.times(PULL_REQUESTS)),
        Part(f"{looks:,} looks at pull requests", measured.look.times(looks)),
        Part(f"{syncs:,.0f} syncs of tickets", measured.sync.times(syncs)),
        Part(f"{measured.metrics} metrics, alarms, a dashboard", _watched(measured.metrics)),
    ]


def _watched(metrics: int) -> Use:
    """Return the use of a stage that asked for alarms and a dashboard."""
    asked = {"OPTIO_ALARM_TOPIC": "arn:aws:sns:us-east-1:123456789012:t", "OPTIO_DASHBOARD": "1"}
    with patch.dict(os.environ, asked):
        parts = resources.template()["Resources"].values()
    types = [part.get("Type", "") for part in parts]
    alarms, dashboards = (
        types.count(f"AWS::CloudWatch::{kind}") for kind in ("Alarm", "Dashboard")
    )
    return Use({"metrics": metrics, "alarms": alarms, "dashboards": dashboards})
