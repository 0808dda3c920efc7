"""A form that is sent twice in a row, as an impatient hand does, is done once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser, browser, schedule, task

__all__ = ["browser"]
NEW = {"name": "Bump", "prompt": "Bump it", "repoUrl": "acme/web", "cronExpression": "0 9 * * *"}


def count(stage: Stage, kind: str) -> int:
    return len(stage.ok("GET", f"/api/tasks?type={kind}")["tasks"])


def twice(browser: Browser, path: str, **form: str) -> str:
    first, second = (browser.post(path, **form) for _ in range(2))
    assert first.status == second.status == 303, second.text
    assert first.headers["Location"] == second.headers["Location"]
    return str(first.headers["Location"])


@pytest.mark.parametrize("mode, kind", [("run", "repo-task"), ("schedule", "repo-blueprint")])
def test_a_new_task_is_made_once(stage: Stage, browser: Browser, mode: str, kind: str):
    form = {**NEW, "mode": mode, "trigger": "schedule"}
    twice(browser, "/tasks/new", **form)
    assert count(stage, kind) == 1

    twice(browser, "/tasks/new", **{**form, "name": "Another"})
    assert count(stage, kind) == 2
    stage.now += timedelta(seconds=11)
    browser.post("/tasks/new", **form)
    assert count(stage, kind) == 3


@pytest.fixture
def kept(stage: Stage) -> dict[str, Any]:
    asked = task(prompt="Bump it", triggers=[schedule()])
    made: dict[str, Any] = stage.ok("POST", "/api/tasks", asked)["task"]
    return made


def test_a_run_by_hand_is_started_once(stage: Stage, browser: Browser, kept: dict[str, Any]):
    where = f"/tasks/scheduled/{kept['id']}"
    twice(browser, where, do="run")
    assert len(stage.ok("GET", f"/api/tasks/{kept['id']}/runs")["runs"]) == 1

    firing = stage.ok("GET", f"/api/tasks/{kept['id']}/firings")["firings"][0]["id"]
    twice(browser, where, do=f"redeliver:{firing}")
    assert len(stage.ok("GET", f"/api/tasks/{kept['id']}/runs")["runs"]) == 2


def test_a_trigger_is_added_once(stage: Stage, browser: Browser, kept: dict[str, Any]):
    form = {"do": "add", "trigger": "schedule", "cronExpression": "0 7 * * *"}
    twice(browser, f"/tasks/scheduled/{kept['id']}", **form)
    assert len(stage.ok("GET", f"/api/tasks/{kept['id']}/triggers")["triggers"]) == 2


def test_a_definition_is_cloned_once(stage: Stage, browser: Browser, kept: dict[str, Any]):
    where = f"/tasks/scheduled/{kept['id']}"
    assert 'value="clone"' in browser.get(where).text
    led = twice(browser, where, do="clone")
    assert count(stage, "repo-blueprint") == 2
    copied = led.split("?")[0].rsplit("/", 1)[1]
    assert (
        "This is the clone. It is paused"
        in browser.get(f"/tasks/scheduled/{copied}?done=cloned").text
    )
    copy = stage.ok("GET", f"/api/tasks/{copied}")["task"]
    assert (copy["name"], copy["prompt"], copy["enabled"]) == ("Bump (copy)", "Bump it", False)


def test_a_template_is_added_once(stage: Stage, browser: Browser):
    twice(browser, "/templates", name="Bump", template="Bump it")
    assert len(stage.ok("GET", "/api/prompt-templates")["promptTemplates"]) == 1


@pytest.mark.parametrize("others", ['a={"b": 1}; {mine}', "path=/x; {mine}", "x; {mine}; y=[1"])
def test_a_cookie_of_another_program_hides_no_session(browser: Browser, others: str):
    browser.cookie = others.replace("{mine}", browser.cookie)
    assert browser.get("/tasks").status == 200
