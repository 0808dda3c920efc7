"""Every alarm has a paragraph with instructions."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.runs.state import State
from chalicelib.integrations.aws.metrics import EmbeddedMetrics
from chalicelib.settings import settings
from infra.package import resources
from tests.support.watched import TOPIC, alarms, watched_resources

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "operations.md").read_text()
TEMPLATE = watched_resources()
ALARMS = alarms()
WIDGETS = json.loads(TEMPLATE["WatchDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])[
    "widgets"
]


def test_each_alarm_has_its_paragraph_and_each_paragraph_its_alarm():
    told = re.findall(r"^### (\S+)\n\n(\S.+)", PAGE, re.MULTILINE)
    prefix = f"optio-{settings.stage}-"
    named = {properties["AlarmName"].removeprefix(prefix) for properties in ALARMS.values()}
    assert {name for name, _ in told} == named
    assert all(len(text) > 80 for _, text in told)


def test_each_queue_of_dead_letters_is_watched():
    dead = {
        part["Properties"]["QueueName"]
        for part in TEMPLATE.values()
        if part.get("Type") == "AWS::SQS::Queue" and "dead" in part["Properties"]["QueueName"]
    }
    watched = [one["Dimensions"][0] for one in ALARMS.values()]
    assert dead == {one["Value"] for one in watched if one["Name"] == "QueueName"}


def test_each_function_that_fails_as_a_whole_is_noticed_by_an_alarm():
    """A reader of a queue leaves dead letters, the API a 5xx; the watchdog replaces settle."""
    queued = {source.name for source in resources.queue_sources()}
    errors = [one["Dimensions"][0]["Value"] for one in ALARMS.values() if "Errors" in one.values()]
    assert errors == [{"Ref": "Tick"}]
    assert "IngressAlarm" in ALARMS
    assert set(resources.functions()) - queued == {"api_handler", "tick", "settle"}


def test_a_stage_has_alarms_only_with_a_topic_and_a_dashboard_only_where_it_is_asked_for():
    kinds = {part.get("Type") for part in resources.template()["Resources"].values()}
    assert not {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"} & kinds
    assert len(ALARMS) == 13
    assert all(one["AlarmActions"] == one["OKActions"] == [TOPIC] for one in ALARMS.values())


def test_a_tick_that_finds_nothing_emits_no_metric(capsys: pytest.CaptureFixture[str]):
    metrics = EmbeddedMetrics(settings.stage)
    metrics.record_tick(0, timedelta())
    assert capsys.readouterr().out == ""


def test_only_a_missing_tick_counts_silence_as_trouble():
    silent = {name for name, one in ALARMS.items() if one["TreatMissingData"] == "breaching"}
    assert silent == {"TickMissedAlarm"}


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, list[str]]]:
    """Return the namespace and the dimensions of each metric that the service can emit."""
    metrics = EmbeddedMetrics(settings.stage)
    moment = datetime(2026, 5, 4, tzinfo=UTC)
    fired = Firing(
        id="f", occurrence="o", outcome=Outcome.FIRED, fired_at=moment, trigger_type="schedule"
    )
    a_second = timedelta(seconds=1)
    given = {
        "count_firing": (fired,),
        "record_commit_time": (3,),
        "count_rejection": ("signature",),
        "record_tick": (3, a_second),
        "count_missing_runner": (),
        "count_lost_activity": (),
        "count_move": (State.RUNNING,),
        "record_wait": (a_second,),
        "record_step_time": ("admit", a_second),
        "count_agent_failure": ("overloaded",),
        "add_cost": (0.25,),
    }
    ways = {name for name in vars(EmbeddedMetrics) if not name.startswith("_")}
    assert set(given) == ways, "give each metric an example above"
    for name, arguments in given.items():
        getattr(metrics, name)(*arguments)
    found = {}
    for line in capsys.readouterr().out.splitlines():
        event = json.loads(line)
        (directive,) = event["_aws"]["CloudWatchMetrics"]
        (metric,) = directive["Metrics"]
        assert event["stage"] == settings.stage
        (found_dimensions,) = directive["Dimensions"]
        found[metric["Name"]] = (directive["Namespace"], found_dimensions)
    return found


def test_what_is_alarmed_about_is_what_is_measured(told: dict[str, tuple[str, list[str]]]):
    ours = {one["MetricName"] for one in ALARMS.values() if one["Namespace"] == "Optio"}
    assert ours
    for name in ours:
        assert told[name] == ("Optio", ["stage"])


def test_each_metric_is_on_the_dashboard_and_has_its_row_in_the_page(
    told: dict[str, tuple[str, list[str]]],
):
    charted = {}
    for (row,) in ([metric] for one in WIDGETS for metric in one["properties"]["metrics"]):
        if row[0] == "Optio":
            charted[row[1]] = ["stage"]
        elif isinstance(row[0], dict):
            search = re.search(r'{Optio,stage,(\w+)} MetricName="(\w+)"', row[0]["expression"])
            assert search
            charted[search[2]] = ["stage", search[1]]
    assert {name: set(where) for name, where in charted.items()} == {
        name: set(where) for name, (_, where) in told.items()
    }, "each metric has a chart in `_of_work` of infra/package/monitoring.py, by its dimension"
    rows = re.findall(r"^\| `(\w+)` \| (\w+|-) \|", PAGE, re.MULTILINE)
    assert dict(rows) == {
        name: next((one for one in where if one != "stage"), "-")
        for name, (_, where) in told.items()
    }, "each metric has a row in docs/guides/operations.md, with its dimension or -"


def test_the_dashboard_is_json_that_names_what_the_stage_has():
    cells = [cell for one in WIDGETS for row in one["properties"]["metrics"] for cell in row]
    named = {cell[2:-1] for cell in cells if isinstance(cell, str) and cell.startswith("${")}
    assert named <= {
        "APIHandler",
        *(resources.to_cfn_resource_name(one.name) for one in resources.app.event_sources),
    }
