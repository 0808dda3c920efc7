"""Likely mistakes are accepted and named: in answers, on pages, by the command line and doctor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser, browser, shown  # noqa: F401
from tests.support.cli import Terminal, served

OPEN, SECRET = "deploys-of-acme", "a secret of sixteen"
QUOTED = 'data.level == "error"'


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path) -> Iterator[Terminal]:
    with served(stage) as url:
        yield Terminal(url, tmp_path)


def task(*configs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "type": "standalone",
        "name": "Deploys",
        "prompt": "Look.",
        "triggers": [{"type": "webhook", "config": config} for config in configs],
        **fields,
    }


def fields(answer: dict[str, Any]) -> list[str]:
    return [warning["field"] for warning in answer["warnings"]]


def own_field(warning: dict[str, str]) -> str:
    """Return the field of a warning without the place of its trigger, which a list may sort."""
    return re.sub(r"^triggers\.\d+\.", "", warning["field"])


def test_each_answer_that_saves_or_checks_a_task_names_its_warnings(stage: Stage):
    body = task({"path": OPEN}, {"path": "b", "secret": SECRET, "filter": QUOTED}, budgetUsd=3)
    expected = ["triggers.0.config.path", "triggers.1.config.filter"]
    own = ["config.filter", "config.path"]

    checked = stage.ok("POST", "/api/checks", {"tasks": [task(), body]})
    assert checked["valid"] is True
    assert fields(checked) == [f"tasks.1.{name}" for name in ("budgetUsd", *expected)]
    made = stage.ok("POST", "/api/tasks", body)
    assert fields(made) == ["budgetUsd", *expected]
    path = f"/api/tasks/{made['task']['id']}"
    patched = stage.ok("PATCH", path, {"prompt": "x", "budgetUsd": 1})
    assert sorted(map(own_field, patched["warnings"])) == ["budgetUsd", *own]
    listed = stage.ok("GET", f"{path}/triggers")
    assert sorted(map(own_field, listed["warnings"])) == own
    for warning in listed["warnings"]:
        number = int(warning["field"].split(".")[1])
        filtered = listed["triggers"][number]["config"]["filter"] == QUOTED
        assert own_field(warning) == ("config.filter" if filtered else "config.path")
    trigger = f"{path}/triggers/{made['triggers'][1]['id']}"
    assert fields(stage.ok("PATCH", trigger, {"enabled": False})) == ["config.filter"]
    mended = {"config": {"path": "b", "filter": "data.level == 'error'"}}
    assert stage.ok("PATCH", trigger, mended)["warnings"] == []
    added = stage.ok("POST", f"{path}/triggers", {"type": "webhook", "config": {"path": "c"}})
    assert fields(added) == ["config.path"]
    schedule = {"type": "schedule", "config": {"cronExpression": "0 9 * * *"}}
    assert stage.ok("POST", f"{path}/triggers", schedule)["warnings"] == []
    assert stage.ok("POST", f"{path}/clone")["warnings"] == []


def test_the_older_paths_warn_in_their_own_words(stage: Stage):
    job = {"name": "Look", "promptTemplate": "Look.", "agentRuntime": "codex", "budgetUsd": 1}
    assert fields(stage.ok("POST", "/api/jobs", job)) == ["budgetUsd"]


@pytest.mark.parametrize(
    ("config", "warned"),
    [
        ({"path": "a"}, True),
        ({"path": "deploys-of-acme-2026"}, True),
        ({"path": "a", "secret": SECRET}, False),
        ({"path": "hook-3f9a1c2b4d5e6f708192a3b4c5d6e7f8"}, False),
        ({"path": "7b0a3d6e-5c1f-4f6a-9d27-3b8e1f0c2a64"}, False),
        ({"path": "kZ8x2LmQ4vT9wR1yN6bC3d"}, False),
        ({"path": "notion", "signature": "notion"}, False),
    ],
)
def test_a_path_without_a_secret_is_warned_of_where_it_can_be_guessed(
    stage: Stage, config: dict[str, Any], warned: bool
):
    made = stage.ok("POST", "/api/tasks", task(config))
    assert bool(made["warnings"]) is warned


def test_the_path_that_a_warning_offers_can_be_taken_as_it_is(stage: Stage):
    made = stage.ok("POST", "/api/tasks", task({"path": OPEN}))
    offered = made["warnings"][0]["message"].rpartition(" ")[2]
    assert offered.startswith(f"{OPEN}-")
    where = f"/api/tasks/{made['task']['id']}/triggers"
    (again,) = stage.ok("GET", where)["warnings"]
    assert again["message"] == made["warnings"][0]["message"]
    trigger = f"{where}/{made['triggers'][0]['id']}"
    assert stage.ok("PATCH", trigger, {"config": {"path": offered}})["warnings"] == []


def test_pages_show_the_warnings_of_what_is_saved(stage: Stage, browser: Browser):  # noqa: F811
    made = stage.ok("POST", "/api/tasks", task({"path": "b", "secret": SECRET, "filter": QUOTED}))
    page = f"/tasks/scheduled/{made['task']['id']}"
    sentence = shown("write 'error' to compare with the text")
    assert sentence in browser.get(page).text
    assert sentence in browser.get(f"{page}/triggers/{made['triggers'][0]['id']}").text


def test_the_command_line_and_doctor_name_them(stage: Stage, terminal: Terminal):
    made = stage.ok("POST", "/api/tasks", task({"path": OPEN}))
    code, _, errors = terminal.run("task", "show", made["task"]["id"])
    assert (code, "triggers.0.config.path: anyone who guesses" in errors) == (0, True)
    _, findings, _ = terminal.run("doctor", "--json")
    told = [one for one in json.loads(findings)["findings"] if one["check"] == "warning"]
    assert [one["verdict"] for one in told] == ["warn"]
    assert told[0]["told"].startswith("Deploys: triggers.0.config.path: anyone")
    assert "warning: triggers.0.config.path" in terminal.run("task", "pause", "Deploys")[2]
    file = terminal.home / "optio.yaml"
    file.write_text(json.dumps({"blueprints": [{**task({"path": "c"}), "name": "Second"}]}))
    code, _, errors = terminal.run("apply", "-f", str(file), "--yes")
    assert (code, "blueprints[0].triggers.0.config.path" in errors) == (0, True), errors
    file.write_text(json.dumps({"blueprints": [{**task({"path": "d"}), "name": "Third"}]}))
    _, printed, _ = terminal.run("apply", "-f", str(file), "--check", "--json")
    (warning,) = json.loads(printed)["warnings"]
    assert warning["field"] == "blueprints[0].triggers.0.config.path"
