"""Each function does what its policy allows, and is stopped at anything else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests import rights
from tests.conftest import Stage


@pytest.fixture
def fenced(stage: Stage) -> Iterator[Stage]:
    with rights.fenced():
        yield stage


def test_a_schedule_fires_and_its_run_moves_with_no_right_beside_those_of_the_policies(
    fenced: Stage,
):
    before = set(rights.used)
    trigger = {"type": "schedule", "config": {"cronExpression": "* * * * *"}}
    task = {"type": "standalone", "name": "N", "prompt": "P", "triggers": [trigger]}
    made = fenced.ok("POST", "/api/tasks", task)
    fenced.pass_time(timedelta(minutes=3))
    assert fenced.ok("GET", f"/api/tasks/{made['task']['id']}/runs")["runs"]

    used = rights.used - before
    assert {function for function, *_ in used} >= {"api_handler", "tick", "fire", "advance"}
    for function, action, name in used:
        assert (action, name) in rights.granted(function)


def test_a_link_that_signs_in_needs_no_right_that_the_api_has_not(fenced: Stage):
    path = fenced.ok("POST", "/api/auth/sign-in-links")["path"]
    answer = fenced._client.http.request("GET", path, headers={}, body=b"")
    assert answer.status_code == 303


def test_a_right_that_is_missing_is_seen(fenced: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rights, "_granted", lambda function: frozenset())
    assert fenced.call("GET", "/api/tasks")[0] == 500
