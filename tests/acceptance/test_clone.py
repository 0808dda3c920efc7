"""A copy of a blueprint: the same settings, paused, and independent of the original."""

from __future__ import annotations

from datetime import timedelta

from tests.conftest import Stage

ORIGINAL = {
    "type": "standalone",
    "name": "Report",
    "prompt": "Write.",
    "agentType": "command",
    "agentCommand": "true",
    "environment": {"MODE": "short"},
    "triggers": [
        {"type": "schedule", "config": {"cronExpression": "*/5 * * * *"}},
        {"type": "webhook", "config": {"path": "p", "secret": "a secret of sixteen"}},
        {"type": "manual", "config": {}, "paramMapping": {"who": "me"}},
    ],
}


def test_a_copy_is_paused_and_has_all_triggers_but_webhooks(stage: Stage):
    first = stage.ok("POST", "/api/tasks", ORIGINAL)
    status, answer = stage.call("POST", f"/api/tasks/{first['task']['id']}/clone")
    assert status == 201
    copy = answer["task"]
    assert (copy["name"], copy["enabled"]) == ("Report (copy)", False)
    same = ("type", "title", "prompt", "agentCommand", "environment", "maxRetries")
    assert [copy[name] for name in same] == [first["task"][name] for name in same]
    assert {trigger["type"] for trigger in answer["triggers"]} == {"schedule", "manual"}
    assert not {t["id"] for t in answer["triggers"]} & {t["id"] for t in first["triggers"]}
    assert all(trigger["nextFireAt"] is None for trigger in answer["triggers"])


def test_a_copy_fires_once_it_is_resumed_and_leaves_the_original_alone(stage: Stage):
    first = stage.ok("POST", "/api/tasks", ORIGINAL)["task"]["id"]
    copy = stage.ok("POST", f"/api/tasks/{first}/clone")["task"]["id"]
    stage.pass_time(timedelta(minutes=5))
    assert stage.ok("GET", f"/api/tasks/{copy}/runs")["runs"] == []

    stage.ok("PATCH", f"/api/tasks/{copy}", {"enabled": True})
    stage.ok("DELETE", f"/api/tasks/{first}")
    stage.pass_time(timedelta(minutes=5))
    assert len(stage.ok("GET", f"/api/tasks/{copy}/runs")["runs"]) == 1


def test_a_repeated_request_makes_one_copy_and_a_run_has_none(stage: Stage):
    first = stage.ok("POST", "/api/tasks", ORIGINAL)["task"]["id"]
    path = f"/api/tasks/{first}/clone"
    copies = [stage.ok("POST", path, **{"Idempotency-Key": "k"})["task"]["id"] for _ in range(2)]
    assert copies[0] == copies[1]
    run = stage.ok("POST", f"/api/tasks/{first}/runs", {})["runId"]
    assert stage.call("POST", f"/api/tasks/{run}/clone")[0] == 405
