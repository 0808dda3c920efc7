"""Whatever can wake somebody at night has a paragraph that says what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chalicelib.settings import settings
from infra import resources

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
TEMPLATE = resources.template()["Resources"]
ALARMS = {
    name: part["Properties"]
    for name, part in TEMPLATE.items()
    if part.get("Type") == "AWS::CloudWatch::Alarm"
}


def test_each_alarm_has_its_paragraph_and_each_paragraph_its_alarm():
    told = re.findall(r"^### (\S+)\n\n(\S.+)", PAGE, re.MULTILINE)
    prefix = f"optio-{settings.stage}-"
    named = {properties["AlarmName"].removeprefix(prefix) for properties in ALARMS.values()}
    assert {name for name, _ in told} == named
    assert all(len(text) > 80 for _, text in told)


def test_each_function_and_each_queue_of_dead_letters_is_watched():
    dead = {
        part["Properties"]["QueueName"]
        for part in TEMPLATE.values()
        if part.get("Type") == "AWS::SQS::Queue" and "dead" in part["Properties"]["QueueName"]
    }
    watched = [one["Dimensions"][0] for one in ALARMS.values()]
    assert dead == {one["Value"] for one in watched if one["Name"] == "QueueName"}
    functions = {
        resources.to_cfn_resource_name(source.name) for source in resources.app.event_sources
    }
    errors = [one["Dimensions"][0] for one in ALARMS.values() if one["MetricName"] == "Errors"]
    assert {one["Value"]["Ref"] for one in errors} == functions | {"APIHandler"}


def test_only_a_missing_tick_counts_silence_as_trouble():
    silent = {name for name, one in ALARMS.items() if one["TreatMissingData"] == "breaching"}
    assert silent == {"TickMissedAlarm"}


def test_what_is_alarmed_about_is_what_is_measured(capsys: pytest.CaptureFixture[str]):
    from datetime import timedelta

    from chalicelib.integrations.metrics import EmbeddedMetrics

    metrics = EmbeddedMetrics(settings.stage)
    metrics.lateness(7)
    metrics.ticked(3, timedelta(seconds=90))
    metrics.runner_missing()
    told = {}
    for line in capsys.readouterr().out.splitlines():
        event = json.loads(line)
        (directive,) = event["_aws"]["CloudWatchMetrics"]
        (metric,) = directive["Metrics"]
        told[metric["Name"]] = (directive["Namespace"], directive["Dimensions"], event["stage"])
    ours = {one["MetricName"] for one in ALARMS.values() if one["Namespace"] == "Optio"}
    assert ours <= set(told)
    for name in ours:
        assert told[name] == ("Optio", [["stage"]], settings.stage)


def test_the_dashboard_is_json_that_names_what_the_stage_has():
    body = json.loads(TEMPLATE["WatchDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    metrics = [row for one in body["widgets"] for row in one["properties"]["metrics"]]
    named = {cell[2:-1] for row in metrics for cell in row if cell.startswith("${")}
    assert named <= {
        "APIHandler",
        *(resources.to_cfn_resource_name(one.name) for one in resources.app.event_sources),
    }
