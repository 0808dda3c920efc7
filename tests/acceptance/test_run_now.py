"""Runs by hand: what they get, what a preview promises, and what the ledger shows of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.texts.number_text import format_dollars
from optio_cli.core.output import format_value, relative_time
from tests.conftest import Stage
from tests.support.browser import Browser, browser
from tests.support.cli import Terminal, served
from tests.support.runner_calls import claimed, runner

__all__ = ["browser"]


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path) -> Iterator[Terminal]:
    with served(stage) as url:
        yield Terminal(url, tmp_path)


def save_task(stage: Stage, *held: dict[str, object], **fields: object) -> str:
    triggers = [
        {"type": "schedule", "config": {"cronExpression": "0 9 * * *"}, "paramMapping": params}
        for params in held
    ]
    body = {"type": "standalone", "name": "Greet", "prompt": "Greet {{who}}.", **fields}
    return str(stage.ok("POST", "/api/tasks", {**body, "triggers": triggers})["task"]["id"])


def prompts(stage: Stage, task: str) -> list[str]:
    runs = stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]
    return [stage.ok("GET", f"/api/tasks/{run['id']}")["task"]["prompt"] for run in runs]


def run_from_list(browser: Browser, task: str) -> Any:
    return browser.post(f"/tasks/scheduled/{task}", do="run", back="list")


def test_run_now_in_the_list_takes_the_params_of_the_schedule(browser: Browser):
    stage = browser.stage
    task = save_task(stage, {"who": "everybody"}, {"who": "everybody"})
    button = re.search(r'name="back" value="list">\s*<button[^>]+value="run"', listed(browser))
    assert button
    answer = run_from_list(browser, task)
    assert (answer.status, prompts(stage, task)) == (303, ["Greet everybody."])


class RunForm(HTMLParser):
    """The form data of a browser without JavaScript for a page with *Run now*."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select, self._area = "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: text or "" for name, text in attrs}
        if tag == "select":
            self._select = given["name"]
            self.fields[self._select] = ""
        elif tag == "option" and "selected" in given:
            self.fields[self._select] = given["value"]
        elif tag == "textarea":
            self._area = given["name"]
            self.fields[self._area] = ""
        elif tag == "input" and given["name"] != "csrf":
            self.fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data


@pytest.mark.parametrize(
    "kind, value",
    [
        ({"type": "string"}, "Ann"),
        ({"type": "string"}, "two\nlines"),
        ({"type": "string"}, ""),
        ({"type": "string"}, "5"),
        ({"type": ["string", "null"]}, "Ann"),
        ({"type": ["string", "null"]}, "null"),
        ({"type": ["string", "null"]}, None),
        ({"type": "integer"}, 5),
        ({"type": "number"}, 0.25),
        ({"type": "boolean"}, True),
        ({"type": "boolean"}, False),
        ({"enum": [1, "1", True, None, 0.5]}, 1),
        ({"enum": [1, "1", True, None, 0.5]}, "1"),
        ({"enum": [True, False]}, True),
        ({"enum": ["a  b", "c"]}, "a  b"),
        ({}, 5),
        ({}, {"deep": [1, None]}),
        ({"type": "array"}, ["<b>", 'a"b']),
    ],
)
def test_run_now_on_a_page_sends_the_params_of_the_schedule(
    browser: Browser, kind: dict[str, object], value: object
):
    schema = {"type": "object", "properties": {"who": kind}}
    task = save_task(browser.stage, {"who": value, "other": [1]}, paramsSchema=schema)
    text = browser.get(f"/tasks/scheduled/{task}").text
    end = text.index('value="run"')
    start = text.rindex("<form", 0, end)
    answer = browser.post(f"/tasks/scheduled/{task}", **RunForm(text[start:end]).fields, do="run")
    assert answer.status == 303, answer.text
    (run,) = browser.stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]
    shown = browser.stage.ok("GET", f"/api/tasks/{run['id']}")["task"]
    assert json.dumps(shown["metadata"]["triggerParams"]["who"]) == json.dumps(value)


def listed(browser: Browser) -> str:
    return browser.get("/tasks/scheduled").text


def test_run_now_in_the_list_asks_where_schedules_differ(browser: Browser):
    task = save_task(browser.stage, {"who": "Ann"}, {"who": "Bob"})
    answer = run_from_list(browser, task)
    assert prompts(browser.stage, task) == []
    page = browser.get("/" + answer.headers["Location"].removeprefix("../../"))
    assert "The schedules of this blueprint have different params" in page.text


def test_the_command_line_takes_the_params_of_the_schedule_unless_told(
    terminal: Terminal, stage: Stage
):
    task = save_task(stage, {"who": "everybody"})
    _, said, notes = terminal.run("task", "run", "Greet")
    assert "with the params of its schedule: who: everybody" in notes
    assert len(said.split()) == 1
    terminal.ok("task", "run", "Greet", "--param", "who=Ann")
    terminal.ok("task", "run", "Greet", "--params", "{}")
    assert sorted(prompts(stage, task)) == ["Greet .", "Greet Ann.", "Greet everybody."]


def test_the_command_line_asks_where_schedules_differ(terminal: Terminal, stage: Stage):
    task = save_task(stage, {"who": "Ann"}, {"who": "Bob"})
    code, _, errors = terminal.run("task", "run", "Greet")
    assert code == 2
    assert """--params '{"who": "Ann"}'""" in errors
    assert prompts(stage, task) == []


def test_the_ledger_shows_what_became_of_each_run(browser: Browser, stage: Stage, tmp_path: Path):
    task = save_task(stage, agentType="command", agentCommand="exit 1", maxRetries=0)
    for _ in range(2):
        stage.ok("POST", f"/api/tasks/{task}/runs", {})
    first, second = (run["id"] for run in stage.ok("GET", f"/api/tasks/{task}/runs")["runs"])
    stage.ok("POST", f"/api/tasks/{first}/cancel")

    firings = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    states = {firing["taskId"]: firing["runState"] for firing in firings}
    assert states == {first: "cancelled", second: "queued"}
    page = browser.get(f"/tasks/scheduled/{task}").text
    ledger = page[page.index("<h2>Ledger</h2>") : page.index("<h2>Runs</h2>")]
    assert "Cancelled" in ledger
    assert "Fired" not in ledger
    with served(stage) as url:
        rows = Terminal(url, tmp_path).ok("task", "firings", "Greet")
    assert "cancelled" in rows


def test_moments_of_the_ledger_are_in_the_readers_zone(browser: Browser):
    stage = browser.stage
    body = {"type": "schedule", "config": {"cronExpression": "*/5 * * * *"}}
    task = stage.ok(
        "POST",
        "/api/tasks",
        {"type": "standalone", "name": "Tick", "prompt": "Go.", "triggers": [body]},
    )["task"]["id"]
    stage.pass_time(timedelta(minutes=5))
    (firing,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    for path in (f"/tasks/scheduled/{task}", f"/tasks/scheduled/{task}/firings/{firing['id']}"):
        text = browser.get(path).text
        assert f'<time datetime="{firing["occurrence"]}"' in text
        assert f">{firing['occurrence']}" not in text


@pytest.mark.parametrize("enabled, words", [(True, "would start"), (False, "would be rejected")])
def test_a_preview_says_what_its_button_would_do(browser: Browser, enabled: bool, words: str):
    stage = browser.stage
    trigger = {
        "type": "schedule",
        "config": {"cronExpression": "0 9 * * *", "overlapPolicy": "skip"},
    }
    body = {"type": "standalone", "name": "Once", "prompt": "Go.", "triggers": [trigger]}
    task = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.ok("POST", f"/api/tasks/{task}/runs", {})
    if not enabled:
        stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
    browser.get(f"/tasks/scheduled/{task}")
    text = browser.post(f"/tasks/scheduled/{task}/preview", params="").text
    assert f"“Run now” {words}" in text
    assert "If a trigger fired now, its own rules would decide" in text
    assert re.search(r"Skips</span>\s*skip of trigger", text)
    started = browser.post(f"/tasks/scheduled/{task}", do="run", params="")
    assert started.status == (303 if enabled else 409)


def test_a_notice_is_news_for_a_minute_and_while_the_run_is_not_over(browser: Browser):
    stage = browser.stage
    task = save_task(stage, {"who": "Ann"})
    run_from_list(browser, task)
    (run,) = stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]
    path = f"/tasks/{run['id']}?done=started"
    assert "Started." in browser.get(path).text
    stage.now += timedelta(minutes=2)
    assert "Started." not in browser.get(path).text
    stage.ok("POST", f"/api/tasks/{run['id']}/cancel")
    assert "Started." not in browser.get(path).text


@pytest.mark.parametrize(
    "value, text",
    [
        (0.33449999999999996, "0.3345"),
        (0.1 + 0.2, "0.3"),
        (2.0, "2"),
        (-0.0, "0"),
        (1e-9, "1e-09"),
        (1e300, "1e+300"),
        (10**30, "1" + "0" * 30),
        (True, "yes"),
        (None, ""),
        ([], ""),
        ({}, ""),
        ("", ""),
        ({"who": "Ann", "times": 2.0, "loud": True}, "who: Ann, times: 2, loud: yes"),
        ([None, "a", ""], 'none, a, ""'),
        ([1, [2, [3]], []], "1, [2, [3]], []"),
        ({"a": {"b": None, "c": []}, "d": {}}, "a: {b: none, c: []}, d: {}"),
    ],
)
def test_the_command_line_writes_values_for_people(value: object, text: str):
    assert format_value(value) == text


@pytest.mark.parametrize(
    "amount, text",
    [
        (0, "$0.00"),
        (5e-324, "under $0.0001"),
        (0.00009, "under $0.0001"),
        (0.0001, "$0.0001"),
        (0.0049, "$0.0049"),
        (0.3, "$0.30"),
        (0.33449999999999996, "$0.3345"),
        (0.99, "$0.99"),
        (0.99499, "$0.995"),
        (0.995, "$0.995"),
        (0.99999, "$1.00"),
        (1.0, "$1.00"),
        (123456.789, "$123,456.79"),
        (10.0**9, "$1,000,000,000.00"),
    ],
)
def test_amounts_are_written_for_people(amount: float, text: str):
    assert format_dollars(amount) == text


@pytest.mark.parametrize(
    "distance, text",
    [
        (timedelta(seconds=20), "20 s ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=700), "700 d ago"),
        (timedelta(days=9000), "25 y ago"),
        (timedelta(days=-365 * 5000), "in 4,997 y"),
    ],
)
def test_a_distance_of_time_is_told_in_one_unit(distance: timedelta, text: str):
    assert relative_time((datetime.now(UTC) - distance).isoformat()) == text


def test_a_list_of_runs_shows_an_error_on_one_line(terminal: Terminal, stage: Stage):
    task = save_task(stage, agentType="command", agentCommand="true", maxRetries=0)
    run = stage.ok("POST", f"/api/tasks/{task}/runs")["runId"]
    stage.settle()
    job = claimed(stage)
    message = "\n".join(f"line {number} of a long trace" for number in range(100))
    spoken = {"runId": run, "attempt": job["attempt"]}
    runner(stage, "report", {**spoken, "outcome": "failed", "errorMessage": message})
    said = terminal.ok("task", "show", task, COLUMNS="400").split("Newest runs")[1]
    assert len(said.strip().splitlines()) == 2
    assert "line 0 of a long trace line 1 of" in said
    assert "line 50 of a long trace" in terminal.ok("task", "show", run)


def test_a_beginning_that_is_too_short_is_called_so(terminal: Terminal, stage: Stage):
    task = save_task(stage)
    errors = terminal.run("task", "show", task[:3])[2]
    assert "the beginning of an id needs at least 4 characters" in errors
    assert "no id begins with it" in terminal.run("task", "show", "ffffffff")[2]
