"""Runs by hand: what they get, what a preview promises, and what the ledger shows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from optio_cli.output import money, readable
from tests.acceptance.browsing import Browser, browser
from tests.acceptance.terminal import Terminal, served
from tests.conftest import Stage

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
    button = re.search(r'name="back" value="list"><button[^>]+value="run"', listed(browser))
    assert button
    answer = run_from_list(browser, task)
    assert (answer.status, prompts(stage, task)) == (303, ["Greet everybody."])


def listed(browser: Browser) -> str:
    return browser.get("/tasks/scheduled").text


def test_run_now_in_the_list_asks_where_schedules_differ(browser: Browser):
    task = save_task(browser.stage, {"who": "Ann"}, {"who": "Bob"})
    answer = run_from_list(browser, task)
    assert prompts(browser.stage, task) == []
    page = browser.get("/" + answer.headers["Location"].removeprefix("../../"))
    assert "Its schedules have different params" in page.text


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


@pytest.mark.parametrize("enabled, words", [(True, "would start"), (False, "would be refused")])
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
    assert "A trigger that fired now would decide by its own rules" in text
    assert "Skips</span> skip of trigger" in text
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


def test_the_command_line_writes_values_for_people():
    assert readable(0.33449999999999996) == "0.3345"
    assert readable({"who": "Ann", "times": 2.0, "loud": True}) == "who: Ann, times: 2, loud: yes"
    assert readable([None, "a"]) == ", a"
    assert (money(0.33449999999999996), money(12.0), money(0)) == ("$0.3345", "$12.00", "$0.00")


def test_a_beginning_that_is_too_short_is_called_so(terminal: Terminal, stage: Stage):
    task = save_task(stage)
    errors = terminal.run("task", "show", task[:3])[2]
    assert "an id needs at least its first 4 characters" in errors
    assert "no id begins so" in terminal.run("task", "show", "ffffffff")[2]
