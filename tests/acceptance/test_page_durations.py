"""Durations of runs and success rates on pages."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.support.browser import Browser, browser
from tests.support.runner_calls import claimed, fired, runner

__all__ = ["browser"]


def test_what_lay_between_a_failure_and_a_retry_is_not_told_as_work(browser: Browser):
    stage = browser.stage
    task, run = fired(stage)
    _failed(browser, seconds=7)
    assert told(browser, run, "Duration") == "7s"
    assert '<td class="num">7s</td>' in browser.get(f"/tasks/scheduled/{task}").text
    stage.now += timedelta(hours=1)
    stage.ok("POST", f"/api/tasks/{run}/retry")
    assert told(browser, run, "Duration") == "\N{EN DASH}", "it has not begun again"
    stage.settle()
    stage.now += timedelta(seconds=3)
    _failed(browser, seconds=9)
    assert (told(browser, run, "Waited"), told(browser, run, "Duration")) == ("3s", "9s")
    assert "Maximum 9s" in browser.get(f"/tasks/scheduled/{task}").text


def test_what_a_person_cancelled_is_no_failure(browser: Browser):
    stage = browser.stage
    _, run = fired(stage)
    _failed(browser, seconds=1)
    assert "0% succeeded" in browser.get("/tasks/scheduled").text
    stage.ok("POST", f"/api/tasks/{run}/retry")
    stage.ok("POST", f"/api/tasks/{run}/cancel")
    assert "% succeeded" not in browser.get("/tasks/scheduled").text


def _failed(browser: Browser, seconds: int) -> None:
    job = claimed(browser.stage)
    browser.stage.now += timedelta(seconds=seconds)
    end = {"runId": job["runId"], "attempt": job["attempt"], "outcome": "failed"}
    assert runner(browser.stage, "report", {**end, "errorClass": "setup"})[0] == 200


def told(browser: Browser, run: str, word: str) -> str:
    """Return the text beside a word on the page of a run."""
    (found,) = re.findall(rf"<dt>{word}</dt><dd>([^<]*)</dd>", browser.get(f"/tasks/{run}").text)
    return str(found)


def test_a_run_that_no_runner_took_up_took_no_time(browser: Browser):
    _, run = fired(browser.stage)
    assert told(browser, run, "Duration") == "\N{EN DASH}"


def test_a_list_of_nothing_says_so(browser: Browser):
    assert "No task matches the filter." in browser.get("/tasks?state=failed").text
    fired(browser.stage)
    assert "None of the newest 1 tasks matches" in browser.get("/tasks?q=nothing-like-it").text
