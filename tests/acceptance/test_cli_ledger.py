"""The ledger in a terminal, and the errors of impossible requests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import Stage
from tests.support.cli import Terminal, served

NIGHTLY = {"type": "schedule", "config": {"cronExpression": "*/5 * * * *"}}
HOOK = {"type": "webhook", "config": {"path": "alerts", "filter": "level == 'error'"}}


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path) -> Iterator[Terminal]:
    with served(stage) as url:
        yield Terminal(url, tmp_path)


@pytest.fixture
def task(stage: Stage) -> str:
    body = {"type": "standalone", "name": "Report", "prompt": "Write.", "triggers": [NIGHTLY, HOOK]}
    return str(stage.ok("POST", "/api/tasks", body)["task"]["id"])


def test_the_ledger_tells_by_what_why_and_what_became_of_it(
    terminal: Terminal, stage: Stage, task: str
):
    assert "no firings yet" in terminal.run("task", "firings", "Report")[2]
    stage.pass_time(timedelta(minutes=5))
    stage.call("POST", "/api/hooks/alerts", {"level": "info"}, token="")
    run = terminal.ok("task", "run", "Report").strip()
    rows = [line.split() for line in terminal.ok("task", "firings", "Report").splitlines()]
    said = {row[1]: row for row in rows[1:]}
    assert set(said) == {"schedule", "webhook", "manual"}
    assert {"skipped", "filtered"} <= set(said["webhook"])
    assert {"provisioning", "2026-05-04T12:05:00Z"} <= set(said["schedule"])
    assert run[:8] in said["manual"]

    whole = terminal.json("task", "firings", task, "-n", "2")["firings"]
    assert whole == stage.ok("GET", f"/api/tasks/{task}/firings?limit=2")["firings"]


def test_a_trigger_that_is_gone_stays_in_the_ledger(terminal: Terminal, stage: Stage, task: str):
    stage.pass_time(timedelta(minutes=5))
    for trigger in stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]:
        stage.ok("DELETE", f"/api/tasks/{task}/triggers/{trigger['id']}")
    assert "deleted trigger" in terminal.ok("task", "firings", "Report")


@pytest.mark.parametrize(
    "words, told",
    [
        pytest.param(("retry",), "only a failed or cancelled task can be retried", id="retry"),
        pytest.param(
            ("resume", "--prompt", "Go on"), "a task can be resumed when it is", id="resume"
        ),
    ],
)
def test_what_a_state_does_not_allow_is_said_with_what_would(
    terminal: Terminal, task: str, words: tuple[str, ...], told: str
):
    run = terminal.ok("task", "run", "Report").strip()
    code, _, errors = terminal.run("task", words[0], run, *words[1:])
    assert code == 5
    assert told in errors
    terminal.ok("task", "cancel", run)
    assert "already cancelled: there is nothing to cancel" in terminal.run("task", "cancel", run)[2]
