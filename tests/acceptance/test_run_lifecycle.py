"""A whole run through the real app: a schedule fires, a runner works, the end is reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.access import forge_credentials
from chalicelib.domain.pull_requests.forge import ForgeError
from tests.conftest import RUNNER_TOKEN, Stage
from tests.support.runner_calls import NIGHTLY, claimed, fired, line, runner

AD_HOC = {
    "title": "Bump",
    "prompt": "Bump.",
    "repoUrl": "https://git.example.com/acme/web",
    "agentType": "command",
    "agentCommand": "true",
}


def test_a_schedule_becomes_a_pushed_branch(stage: Stage):
    task, run = fired(stage)

    job = claimed(stage)
    assert job["runId"] == run
    assert job["prompt"] == "Bump requests on 2026-05-04."
    assert job["repo"]["url"] == "https://git.example.com/acme/web"
    assert job["agent"]["command"] == "echo hi >> notes.txt"
    here = {"runId": run, "attempt": 1}
    beat = runner(stage, "beat", {**here, "stage": "agent", "lines": [line(1, "working")]})
    assert beat == (200, {"continue": True, "reason": None})
    end = {**here, "outcome": "succeeded", "branch": job["repo"]["pushBranch"], "headSha": "a" * 40}
    assert runner(stage, "report", {**end, "lines": [line(2, "done")]})[0] == 200

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (shown["state"], shown["branch"]) == ("completed", f"optio/task-{run[:8]}")
    assert shown["prompt"] == "Bump requests on 2026-05-04."
    assert shown["metadata"]["triggerParams"] == {"what": "requests"}
    states = [e["toState"] for e in stage.ok("GET", f"/api/tasks/{run}/events")["events"]]
    assert states == ["queued", "provisioning", "running", "completed"]
    logs = stage.ok("GET", f"/api/tasks/{run}/logs")
    assert [entry["content"] for entry in logs["logs"]] == ["working", "done"]
    (firing,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert (firing["outcome"], firing["taskId"]) == ("fired", run)
    assert firing["occurrence"] == "2026-05-04T12:05:00Z"


def test_every_occurrence_fires_once_however_often_the_tick_comes(stage: Stage):
    task, _ = fired(stage)

    stage.pass_time(timedelta(minutes=10))
    stage.settle()

    firings = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert [firing["occurrence"][11:16] for firing in firings] == ["12:15", "12:10", "12:05"]


def test_a_runner_that_dies_is_followed_by_another_attempt(stage: Stage):
    _, run = fired(stage)
    claimed(stage)

    stage.pass_time(timedelta(minutes=3))

    job = claimed(stage)
    assert (job["runId"], job["attempt"]) == (run, 2)
    late = {"runId": run, "attempt": 1}
    assert runner(stage, "beat", late)[0] == 409
    assert runner(stage, "report", {**late, "outcome": "succeeded"})[0] == 409
    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["state"] == "running"


def test_a_run_that_no_runner_asks_for_waits_again_and_says_so(stage: Stage):
    _, run = fired(stage)

    stage.pass_time(timedelta(minutes=6))

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (shown["state"], shown["waitingFor"]) == ("provisioning", "a runner")
    events = stage.ok("GET", f"/api/tasks/{run}/events")["events"]
    assert "no runner claimed it" in events[2]["message"]
    assert shown["retryCount"] == 0


def test_a_failure_keeps_its_reason_and_a_person_may_try_again(stage: Stage):
    _, run = fired(stage)
    job = claimed(stage)
    end = {"runId": run, "attempt": job["attempt"], "outcome": "failed", "stage": "setup"}

    runner(stage, "report", {**end, "errorClass": "setup", "errorMessage": "exited 3: boom"})

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (shown["state"], shown["errorMessage"]) == ("failed", "exited 3: boom")
    assert stage.ok("POST", f"/api/tasks/{run}/retry")["task"]["state"] == "queued"
    stage.settle()
    assert claimed(stage)["attempt"] == 2


def test_a_transient_failure_is_tried_again_after_its_backoff(stage: Stage):
    _, run = fired(stage)
    end = {"runId": run, "attempt": claimed(stage)["attempt"], "outcome": "failed"}

    runner(stage, "report", {**end, "errorClass": "overloaded", "transient": True})

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (shown["state"], shown["retryCount"]) == ("queued", 1)
    stage.settle()
    assert runner(stage, "claim", {"runner": "r1"})[0] == 204
    stage.pass_time(timedelta(minutes=1))
    assert claimed(stage)["attempt"] == 2


def test_a_cancel_reaches_the_runner_with_its_next_beat(stage: Stage):
    _, run = fired(stage)
    claimed(stage)

    assert stage.ok("POST", f"/api/tasks/{run}/cancel")["task"]["state"] == "cancelled"

    beat = runner(stage, "beat", {"runId": run, "attempt": 1})
    assert beat == (200, {"continue": False, "reason": "cancelled"})
    assert stage.call("POST", f"/api/tasks/{run}/cancel")[0] == 409


def test_no_more_than_two_runs_of_a_repo_work_at_once(stage: Stage):
    task = stage.ok("POST", "/api/tasks", {**NIGHTLY, "triggers": []})["task"]["id"]
    runs = []
    for _ in range(3):
        runs.append(stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"])
        stage.now += timedelta(seconds=1)
    stage.settle()

    first, second = claimed(stage), claimed(stage)
    assert [first["runId"], second["runId"]] == runs[:2]
    assert runner(stage, "claim", {"runner": "r1"})[0] == 204

    end = {"runId": first["runId"], "attempt": 1, "outcome": "no_changes"}
    runner(stage, "report", end)
    stage.settle()
    assert claimed(stage)["runId"] == runs[2]
    assert stage.ok("GET", f"/api/tasks/{runs[0]}")["task"]["resultSummary"] == "no changes"


def test_a_paused_definition_fires_nothing_and_loses_nothing_else(stage: Stage):
    task = stage.ok("POST", "/api/tasks", NIGHTLY)["task"]["id"]
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})

    stage.pass_time(timedelta(minutes=12))

    assert stage.ok("GET", f"/api/tasks/{task}/runs")["runs"] == []
    assert stage.call("POST", f"/api/tasks/{task}/runs", {})[0] == 409
    (trigger,) = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert trigger["nextFireAt"] is None
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})
    stage.pass_time(timedelta(minutes=3))
    assert len(stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]) == 1


def test_an_outage_is_one_firing_and_one_gap_in_the_ledger(stage: Stage):
    task = stage.ok("POST", "/api/tasks", NIGHTLY)["task"]["id"]
    stage.now += timedelta(hours=1, minutes=2)

    stage.pass_time(timedelta(minutes=1))

    firings = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    gap = next(firing for firing in firings if firing["outcome"] == "skipped")
    assert (gap["reason"], gap["occurrence"], gap["until"], gap["count"]) == (
        "missed",
        "2026-05-04T12:05:00Z",
        "2026-05-04T12:45:00Z",
        9,
    )
    times = sorted(f["occurrence"][11:16] for f in firings if f["outcome"] == "fired")
    assert times == ["12:50", "12:55", "13:00"]


@pytest.mark.parametrize(
    "change, field",
    [
        (
            {"triggers": [{"type": "schedule", "config": {"cronExpression": "* * * *"}}]},
            "triggers.0.config.cronExpression",
        ),
        (
            {"triggers": [{"type": "schedule", "config": {"cronExpression": "0 0 30 2 *"}}]},
            "triggers.0.config.cronExpression",
        ),
        (
            {
                "triggers": [
                    {
                        "type": "schedule",
                        "config": {"cronExpression": "0 0 * * *", "timezone": "Mars"},
                    }
                ]
            },
            "triggers.0.config.timezone",
        ),
        ({"repoUrl": "not a repo"}, "repoUrl"),
        ({"repoBranch": "--upload-pack=x"}, "repoBranch"),
        ({"prompt": "{{#if x}} open"}, "prompt"),
        ({"timeoutMinutes": 0}, "timeoutMinutes"),
        ({"agentCommand": None}, "agentCommand"),
        ({"colour": "red"}, "colour"),
        ({"type": "standalone"}, "repoUrl"),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_field(
    stage: Stage, change: dict[str, Any], field: str
):
    status, answer = stage.call("POST", "/api/tasks", {**NIGHTLY, **change})

    assert status == 400, answer
    assert field in [detail["field"] for detail in answer["details"]], answer


def test_without_a_known_key_nothing_is_told(stage: Stage):
    assert stage.call("GET", "/api/tasks", token="")[0] == 401
    assert stage.call("GET", "/api/tasks", token="optio_pat_other")[0] == 401
    assert stage.call("GET", "/api/tasks", token=RUNNER_TOKEN)[0] == 403
    assert stage.call("GET", "/api/health", token="")[0] == 200


def test_the_same_idempotency_key_finds_the_first_result(stage: Stage):
    key = {"Idempotency-Key": "k1"}
    first = stage.ok("POST", "/api/tasks", NIGHTLY, **key)
    again = stage.ok("POST", "/api/tasks", NIGHTLY, **key)
    other = stage.call("POST", "/api/tasks", {**NIGHTLY, "name": "Other"}, **key)

    assert again["task"]["id"] == first["task"]["id"]
    assert other[0] == 409
    runs = f"/api/tasks/{first['task']['id']}/runs"
    assert stage.ok("POST", runs, {}, **key) == stage.ok("POST", runs, {}, **key)


@pytest.mark.parametrize("path", ["nonsense", "2f1e7f0e-7a4b-5c55-8d4d-3b0f3b2f1c11"])
def test_an_unknown_id_is_404(stage: Stage, path: str):
    assert stage.call("GET", f"/api/tasks/{path}")[0] == 404
    assert stage.call("POST", f"/api/tasks/{path}/cancel")[0] == 404


def test_a_definition_goes_with_its_triggers_and_its_runs_stay(stage: Stage):
    task, run = fired(stage)

    assert stage.call("DELETE", f"/api/tasks/{task}") == (204, None)

    assert stage.call("GET", f"/api/tasks/{task}")[0] == 404
    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["id"] == run
    stage.pass_time(timedelta(minutes=10))
    assert len(stage.ok("GET", "/api/tasks?type=repo-task")["tasks"]) == 1


def test_a_run_that_says_nothing_for_long_is_shown_as_stalled_and_goes_on(stage: Stage):
    _, run = fired(stage)
    claimed(stage)

    def beat(*lines: dict[str, Any]) -> None:
        body = {"runId": run, "attempt": 1, "lines": list(lines)}
        assert runner(stage, "beat", body) == (200, {"continue": True, "reason": None})

    def shown() -> tuple[str, bool]:
        task = stage.ok("GET", f"/api/tasks/{run}")["task"]
        return task["state"], task["stalled"]

    for _ in range(16):
        assert shown() == ("running", False)
        stage.pass_time(timedelta(minutes=1) - timedelta(seconds=3))
        beat()
    assert shown() == ("running", True)
    beat(line(1, "still here"))
    assert shown() == ("running", False)


def test_a_run_that_waits_for_a_runner_for_long_says_so_once(stage: Stage):
    run = stage.ok("POST", "/api/tasks", AD_HOC)["task"]["id"]

    stage.pass_time(timedelta(minutes=40))

    events = stage.ok("GET", f"/api/tasks/{run}/events")["events"]
    assert [event["toState"] for event in events] == [
        "queued",
        "provisioning",
        "queued",
        "provisioning",
    ]
    assert events[2]["createdAt"] > "2026-05-04T12:30:00Z"
    assert len({event["id"] for event in events}) == 4


def test_a_forge_that_is_away_is_asked_for_a_token_for_as_long_as_it_takes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    def refused(*given: Any) -> None:
        raise ForgeError("unavailable", "the forge failed with 502", passes=True)

    run = stage.ok("POST", "/api/tasks", AD_HOC)["task"]["id"]
    with monkeypatch.context() as away:
        away.setattr(forge_credentials, "git_token", refused)
        for _ in range(60):
            stage.pass_time(timedelta(minutes=1))
            assert runner(stage, "claim", {"runner": "r1"})[0] == 204

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert (shown["state"], shown["retryCount"]) == ("queued", 0)
    events = stage.ok("GET", f"/api/tasks/{run}/events")["events"]
    assert "the forge failed with 502" in [event["message"] for event in events]
    assert len(events) < 30

    for _ in range(15):
        stage.pass_time(timedelta(minutes=1))
        if runner(stage, "claim", {"runner": "r1"})[0] == 200:
            return
    raise AssertionError("the run is not offered though the forge is back")


def test_a_job_that_says_it_pushed_to_another_branch_ends_nothing(stage: Stage):
    _, run = fired(stage)
    job = claimed(stage)
    end = {"runId": run, "attempt": 1, "outcome": "succeeded", "headSha": "a" * 40}
    status, answer = runner(stage, "report", {**end, "branch": "main"})
    assert (status, answer["details"][0]["field"]) == (400, "branch")
    assert stage.ok("GET", f"/api/tasks/{run}")["task"]["state"] == "running"
    assert runner(stage, "report", {**end, "branch": job["repo"]["pushBranch"]})[0] == 200
