"""Notifications of the deployed package: signed, and one pause for five failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.conftest import System, until
from tests.fakes.receiver import Receiver, receiving

pytestmark = pytest.mark.slow
FAILURES = 5


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def told(receiver: Receiver, kind: str) -> list[Any]:
    return [sent for sent in receiver.sent if sent.json["type"] == kind]


def test_failures_are_told_and_so_is_the_pause_and_who_did_what_is_kept(
    system: System, receiver: Receiver
):
    made = system.ok("POST", "/api/webhooks", {"url": receiver.url})
    webhook, secret = made["webhook"]["id"], made["secret"]
    tried = system.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]
    assert (tried["status"], tried["responseCode"]) == ("delivered", 200)

    body = {
        "type": "standalone",
        "name": "Bound to fail",
        "prompt": "Try",
        "agentType": "command",
        "agentCommand": "exit 3",
        "maxRetries": 0,
        "maxConcurrent": FAILURES,
    }
    task = system.ok("POST", "/api/tasks", body)["task"]["id"]
    for _ in range(FAILURES):
        system.ok("POST", f"/api/tasks/{task}/runs", {})
    (pause,) = until(lambda: told(receiver, "definition.paused"), 180, system.story)
    until(lambda: len(told(receiver, "task.failed")) >= FAILURES, 60, system.story)

    for sent in receiver.sent:
        Webhook(secret).verify(sent.body, sent.headers)
    assert pause.json["data"]["definition"]["id"] == task
    assert len({sent.headers["webhook-id"] for sent in told(receiver, "task.failed")}) == FAILURES
    assert not system.ok("GET", f"/api/tasks/{task}")["task"]["enabled"]
    assert system.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})["task"]["enabled"]
    log = system.ok("GET", f"/api/webhooks/{webhook}/deliveries?limit=100")["deliveries"]
    assert {one["status"] for one in log} == {"delivered"}

    kept = system.ok("GET", f"/api/activity?object={task}")["activity"]
    assert [one["action"] for one in kept] == [
        "task.update",
        *["run.create"] * FAILURES,
        "task.create",
    ]
    assert {one["actor"]["name"] for one in kept} == {"admin"}
    assert system.send("DELETE", f"/api/webhooks/{webhook}")[0] == 204
