"""Late and doubled beats and reports, and those of an older attempt, change nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Stage
from tests.support.runner_calls import claimed, line, runner

TASK = {
    "name": "t",
    "prompt": "Go.",
    "repoUrl": "https://git.example.com/acme/web",
    "agentType": "command",
    "agentCommand": "true",
}
NOTED = ("attempts", "updatedAt")


def started(stage: Stage) -> str:
    run: str = stage.ok("POST", "/api/tasks", TASK)["task"]["id"]
    stage.settle()
    return run


def work(run: str) -> dict[str, Any]:
    return {"branch": f"optio/task-{run[:8]}", "headSha": "a" * 40, "resultSummary": "done"}


def seen(stage: Stage, run: str) -> dict[str, Any]:
    """Return all facts of a run, except those recorded on an attempt that is over."""
    task = stage.ok("GET", f"/api/tasks/{run}")["task"]
    return {
        "task": {name: value for name, value in task.items() if name not in NOTED},
        "events": stage.ok("GET", f"/api/tasks/{run}/events")["events"],
        "logs": stage.ok("GET", f"/api/tasks/{run}/logs")["logs"],
    }


def said(run: str, attempt: int, word: str) -> tuple[str, dict[str, Any]]:
    here = {"runId": run, "attempt": attempt, "lines": [line(90 + attempt, f"late {word}")]}
    if word == "beat":
        return "beat", {**here, "stage": "push"}
    if word == "outputs":
        del here["lines"]
        return "outputs", {**here, "files": [{"name": "a", "size": 1}]}
    transient = {"transient": True} if word == "failed" else {}
    return "report", {**here, **work(run), **transient, "outcome": word}


WORDS = ("beat", "outputs", "succeeded", "no_changes", "failed")


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_an_older_attempt_changes_nothing(stage: Stage, word: str):
    run = started(stage)
    claimed(stage)
    stage.pass_time(timedelta(minutes=3))
    assert claimed(stage)["attempt"] == 2
    before = seen(stage, run)

    path, body = said(run, 1, word)
    assert runner(stage, path, body)[0] == 409
    stage.settle()

    assert seen(stage, run) == before


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_word_after_the_end_changes_nothing(stage: Stage, word: str, end: str):
    run = started(stage)
    here = {"runId": run, "attempt": claimed(stage)["attempt"]}
    if end == "cancelled":
        stage.ok("POST", f"/api/tasks/{run}/cancel")
    else:
        assert runner(stage, "report", {**here, **work(run), "outcome": end})[0] == 200
    stage.settle()
    before = seen(stage, run)

    path, body = said(run, 1, word)
    status, answer = runner(stage, path, body)
    stage.settle()

    # A beat is told why the job has to stop; the last lines of an attempt belong to its log.
    assert status == 409 or (word == "beat" and answer["continue"] is False)
    after = seen(stage, run)
    assert (after["task"], after["events"]) == (before["task"], before["events"])


def test_the_same_beat_twice_keeps_each_line_once(stage: Stage):
    run = started(stage)
    here = {"runId": run, "attempt": claimed(stage)["attempt"], "stage": "agent"}
    body = {**here, "lines": [line(1, "one"), line(2, "two")]}

    assert [runner(stage, "beat", body)[0] for _ in range(3)] == [200] * 3

    assert [entry["content"] for entry in seen(stage, run)["logs"]] == ["one", "two"]


def test_the_same_report_twice_ends_once_and_costs_once(stage: Stage):
    run = started(stage)
    here = {"runId": run, "attempt": claimed(stage)["attempt"], "agent": {"costUsd": 0.5}}
    body = {**here, **work(run), "outcome": "succeeded"}

    assert [runner(stage, "report", body)[0] for _ in range(3)] == [200, 409, 409]

    shown = seen(stage, run)
    assert shown["task"]["costUsd"] == 0.5
    assert [event["toState"] for event in shown["events"]].count("completed") == 1


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(late=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(WORDS)), max_size=8))
def test_whatever_comes_late_in_whatever_order_the_second_attempt_decides(
    stage: Stage, late: list[tuple[int, str]]
):
    run = started(stage)
    claimed(stage)
    stage.pass_time(timedelta(minutes=3))
    assert claimed(stage)["attempt"] == 2

    for attempt, word in late:
        if attempt != 2:
            path, body = said(run, attempt, word)
            assert runner(stage, path, body)[0] == 409
    end = {"runId": run, "attempt": 2, **work(run), "headSha": "b" * 40, "outcome": "succeeded"}
    assert runner(stage, "report", end)[0] == 200
    ended = seen(stage, run)
    for attempt, word in late:
        runner(stage, *said(run, attempt, word))

    shown = seen(stage, run)
    assert (shown["task"], shown["events"]) == (ended["task"], ended["events"])
    assert (shown["task"]["state"], shown["task"]["headSha"]) == ("completed", "b" * 40)
    assert not any("late" in entry["content"] for entry in ended["logs"])
