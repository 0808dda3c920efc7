"""Alarms of a stage, each with a paragraph in docs/guides/operations.md, and a dashboard.

Both cost money while nothing happens, so a stage has only those that were asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.settings import settings

Template = dict[str, Any]
Chart = tuple[str, str, list[list[Any]]]
OURS = "Optio"
STAGE = {"stage": settings.stage}
FIVE_MINUTES = 300
LATE_MILLISECONDS = 5000
LATE_TIMES, OF_PERIODS = 3, 36
"""Late in so many of so many periods, three hours: an hourly schedule fires in one of twelve."""
OVERDUE_SECONDS = 300
REJECTED = 20
ERRORS = 2
SERVER_ERRORS = 5
"""A single delivery that met a busy or broken function is sent again by its sender."""


def watch(functions: Sequence[str], dead: Mapping[str, str]) -> Template:
    """Return the alarms, if a topic receives them, and the dashboard, if it is asked for."""
    alarms = {**_of_stage(), **_of_dead_letters(dead)} if settings.alarm_topic else {}
    board = {"WatchDashboard": _dashboard(functions, dead)} if settings.dashboard else {}
    return {**alarms, **board}


def _of_stage() -> Template:
    api = {"ApiName": f"optio-{settings.stage}"}
    tick = _function("Tick")
    lateness: Any = {"above": LATE_MILLISECONDS, "statistic": "p99"}
    lateness |= {"times": LATE_TIMES, "of": OF_PERIODS}
    very: Any = {"above": _very_late_milliseconds(), "statistic": "Maximum"}
    overdue: Any = {"above": OVERDUE_SECONDS, "statistic": "Maximum", "times": 2}
    missed: Any = {"below": 1, "period": _tick_seconds(), "times": 2, "missing": "breaching"}
    return {
        "TickMissedAlarm": _alarm("tick-missed", "AWS/Lambda", "Invocations", tick, **missed),
        "TickErrorsAlarm": _alarm("errors-tick", "AWS/Lambda", "Errors", tick, above=ERRORS),
        "LatenessAlarm": _alarm("lateness", OURS, "FiringLateness", STAGE, **lateness),
        "VeryLateAlarm": _alarm("very-late", OURS, "FiringLateness", STAGE, **very),
        "OverdueAlarm": _alarm("overdue", OURS, "OldestOverdue", STAGE, **overdue),
        "StarvationAlarm": _alarm("runner-starvation", OURS, "RunnerMissing", STAGE, above=0),
        "ActivityAlarm": _alarm("activity-lost", OURS, "ActivityLost", STAGE, above=0),
        "IngressAlarm": _alarm(
            "ingress-5xx", "AWS/ApiGateway", "5XXError", api, above=SERVER_ERRORS
        ),
        "HookRejectedAlarm": _alarm("hook-rejected", OURS, "HookRejected", STAGE, above=REJECTED),
    }


def _of_dead_letters(dead: Mapping[str, str]) -> Template:
    """Return an alarm for each queue. Messages whose function dies also end there."""
    visible = "ApproximateNumberOfMessagesVisible"
    alarms = {}
    for queue, name in dead.items():
        kind = f"dead-letters-{queue.removesuffix('DeadLetters').lower()}"
        alarms[f"{queue}Alarm"] = _alarm(
            kind, "AWS/SQS", visible, {"QueueName": name}, above=0, statistic="Maximum"
        )
    return alarms


def _tick_seconds() -> int:
    return int(settings.tick_interval.total_seconds())


def _very_late_milliseconds() -> int:
    """Return what is later than a lost message makes a firing: the next tick sends another."""
    return 1000 * (60 + _tick_seconds())


def _function(name: str) -> dict[str, Any]:
    return {"FunctionName": {"Ref": name}}


def _alarm(
    name: str,
    space: str,
    metric: str,
    dimensions: Mapping[str, Any],
    *,
    above: int | None = None,
    below: int | None = None,
    statistic: str = "Sum",
    period: int = FIVE_MINUTES,
    times: int = 1,
    of: int | None = None,
    missing: str = "notBreaching",
) -> Template:
    kind = "ExtendedStatistic" if statistic.startswith("p") else "Statistic"
    properties: Template = {
        "AlarmName": f"optio-{settings.stage}-{name}",
        "AlarmDescription": f"docs/guides/operations.md, {name}",
        "Namespace": space,
        "MetricName": metric,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        kind: statistic,
        "Period": period,
        "EvaluationPeriods": of or times,
        "DatapointsToAlarm": times,
        "Threshold": below if above is None else above,
        "ComparisonOperator": "LessThanThreshold" if above is None else "GreaterThanThreshold",
        "TreatMissingData": missing,
        "AlarmActions": [settings.alarm_topic],
        "OKActions": [settings.alarm_topic],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def _dashboard(functions: Sequence[str], dead: Mapping[str, str]) -> Template:
    widgets = [
        {
            "type": "metric",
            "x": 12 * (number % 2),
            "y": 6 * (number // 2),
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "stat": statistic,
                "period": 60,
                "region": "${AWS::Region}",
                "metrics": metrics,
            },
        }
        for number, (title, statistic, metrics) in enumerate(_charts(functions, dead))
    ]
    body = {"Fn::Sub": json.dumps({"widgets": widgets})}
    name = f"optio-{settings.stage}"
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {"DashboardName": name, "DashboardBody": body},
    }


def _charts(functions: Sequence[str], dead: Mapping[str, str]) -> list[Chart]:
    return [*_of_work(), *_of_machinery(functions, dead)]


def _of_work() -> list[Chart]:
    """Return what the service counts itself."""
    return [
        ("Firings by outcome", "Sum", _by("Firings", "outcome", "Sum")),
        (
            "Lateness, and the time to commit (ms)",
            "p99",
            [_ours("FiringLateness"), _ours("FiringCommitted")],
        ),
        ("Runs by the state they came to", "Sum", _by("Runs", "state", "Sum")),
        ("Wait for the first runner (s)", "p95", [_ours("QueueAge")]),
        ("Failed attempts by class of error", "Sum", _by("AgentErrors", "errorClass", "Sum")),
        ("Cost of agents (USD)", "Sum", [_ours("CostUsd")]),
        ("Steps (ms)", "p95", _by("StepDuration", "step", "p95")),
        ("Deliveries refused", "Sum", [_ours("HookRejected")]),
        ("Oldest overdue (s)", "Maximum", [_ours("OldestOverdue")]),
        ("Sent by the tick", "Sum", [_ours("TickSent")]),
        ("Runs without a runner", "Sum", [_ours("RunnerMissing")]),
        ("Records of activity lost", "Sum", [_ours("ActivityLost")]),
    ]


def _ours(metric: str) -> list[Any]:
    return [OURS, metric, "stage", settings.stage]


def _by(metric: str, dimension: str, statistic: str) -> list[list[Any]]:
    """Return a metric for each value of a dimension, whichever there are."""
    search = f'{{{OURS},stage,{dimension}}} MetricName="{metric}" stage="{settings.stage}"'
    return [[{"expression": f"SEARCH('{search}', '{statistic}', 60)", "id": metric.lower()}]]


def _of_machinery(functions: Sequence[str], dead: Mapping[str, str]) -> list[Chart]:
    """Return what AWS counts of the parts of a stage."""
    api = ["ApiName", f"optio-{settings.stage}"]
    age = ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"]
    letters = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"]
    requests = [["AWS/ApiGateway", metric, *api] for metric in ("Count", "4XXError", "5XXError")]
    return [
        ("Errors", "Sum", _of_each(functions, "Errors")),
        ("Time (ms)", "p95", _of_each(functions, "Duration")),
        (
            "Oldest message (s)",
            "Maximum",
            [[*age, name.removesuffix("-dead")] for name in dead.values()],
        ),
        ("Dead letters", "Maximum", [[*letters, name] for name in dead.values()]),
        ("API: requests and failures", "Sum", requests),
    ]


def _of_each(functions: Sequence[str], metric: str) -> list[list[str]]:
    return [["AWS/Lambda", metric, "FunctionName", f"${{{name}}}"] for name in functions]
