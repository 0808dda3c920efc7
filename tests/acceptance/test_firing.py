"""Outcomes of occurrences: overlaps, pauses, templates, and their records in the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

import boto3
import pytest

from chalicelib import wiring
from chalicelib.actions.firing import due_schedules, policies
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.settings import settings
from tests.conftest import Stage
from tests.support.runner_calls import claimed, runner
from tests.support.scheduled_blueprint import made


def ledger(stage: Stage, task: str) -> list[tuple[str, str, str | None]]:
    """Return what became of each occurrence, oldest first."""
    firings = stage.ok("GET", f"/api/tasks/{task}/firings?limit=100")["firings"]
    rows = [(f["occurrence"], f["outcome"], f["reason"]) for f in firings if f["triggerId"]]
    return [(at[11:16], outcome, reason) for at, outcome, reason in sorted(rows)]


def runs(stage: Stage, task: str) -> list[dict[str, Any]]:
    found = stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]
    return sorted(found, key=lambda run: str(run["createdAt"]))


def finish(stage: Stage, run: str, attempt: int = 1) -> None:
    end = {"runId": run, "attempt": attempt, "outcome": "succeeded"}
    assert runner(stage, "report", end)[0] == 200
    stage.settle()


def test_the_ledger_of_a_trigger_is_that_of_its_own_definition(stage: Stage):
    task, trigger = made(stage)
    other, _ = made(stage, name="Another")
    stage.pass_time(timedelta(minutes=6))
    (firing,) = stage.ok("GET", f"/api/tasks/{task}/triggers/{trigger}/firings")["firings"]
    assert (firing["triggerId"], firing["outcome"]) == (trigger, "fired")
    status, answer = stage.call("GET", f"/api/tasks/{other}/triggers/{trigger}/firings")
    assert status == 404, answer
    # Whoever removed a trigger may still read what became of it.
    stage.ok("DELETE", f"/api/tasks/{task}/triggers/{trigger}")
    assert stage.ok("GET", f"/api/tasks/{task}/triggers/{trigger}/firings")["firings"] == [firing]


def test_a_prompt_that_no_row_holds_fires_on_time_and_reaches_the_runner_whole(stage: Stage):
    noise = Random(1).randbytes(100_000).hex()
    task, _ = made(stage, prompt=noise)
    stage.pass_time(timedelta(minutes=6))
    assert ledger(stage, task) == [("12:05", "fired", None)]
    assert noise in claimed(stage)["prompt"]


def test_skip_leaves_out_what_would_overlap(stage: Stage):
    task, _ = made(stage, config={"overlapPolicy": "skip"})
    stage.pass_time(timedelta(minutes=11))
    assert ledger(stage, task) == [("12:05", "fired", None), ("12:10", "skipped", "overlap")]
    skipped, fired = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert (skipped["taskId"], fired["taskId"] is None) == (None, False)
    while (job := claimed(stage))["attempt"] < 1:
        pass
    finish(stage, job["runId"], job["attempt"])
    stage.pass_time(timedelta(minutes=5))
    assert ledger(stage, task)[-1] == ("12:15", "fired", None)


def test_buffer_one_lets_one_wait_and_starts_it_when_the_other_is_over(stage: Stage):
    task, _ = made(stage, config={"overlapPolicy": "buffer_one"})
    stage.pass_time(timedelta(minutes=5))
    first = claimed(stage)
    for _ in range(10):
        stage.pass_time(timedelta(minutes=1))
        assert runner(stage, "beat", {"runId": first["runId"], "attempt": 1})[0] == 200
    assert [row[1:] for row in ledger(stage, task)] == [
        ("fired", None),
        ("fired", None),
        ("skipped", "overlap"),
    ]
    assert [run["state"] for run in runs(stage, task)] == ["running", "queued"]
    assert runner(stage, "claim", {"runner": "r2"})[0] == 204

    finish(stage, first["runId"])
    assert claimed(stage)["runId"] == runs(stage, task)[1]["id"]


def test_cancel_other_ends_what_is_active_before_it_starts(stage: Stage):
    task, _ = made(stage, config={"overlapPolicy": "cancel_other"})
    stage.pass_time(timedelta(minutes=5))
    first = claimed(stage)
    by_hand = stage.ok("POST", f"/api/tasks/{task}/runs", {"params": {"what": "more"}})["runId"]
    for _ in range(5):
        stage.pass_time(timedelta(minutes=1))
        runner(stage, "beat", {"runId": first["runId"], "attempt": 1})

    states = {run["id"]: run["state"] for run in runs(stage, task)}
    assert states.pop(first["runId"]) == "cancelled"
    assert states.pop(by_hand) == "cancelled"
    assert list(states.values()) == ["provisioning"]
    beat = runner(stage, "beat", {"runId": first["runId"], "attempt": 1})
    assert beat == (200, {"continue": False, "reason": "cancelled"})
    events = stage.ok("GET", f"/api/tasks/{first['runId']}/events")["events"]
    assert "replaced by the newer run" in events[-1]["message"]


def test_a_policy_that_comes_later_minds_what_is_active_already(stage: Stage):
    task, trigger = made(stage)
    stage.ok("POST", f"/api/tasks/{task}/runs", {})
    config = {"cronExpression": "*/5 * * * *", "overlapPolicy": "skip"}
    stage.ok("PATCH", f"/api/tasks/{task}/triggers/{trigger}", {"config": config})
    stage.pass_time(timedelta(minutes=5))
    assert ledger(stage, task)[-1] == ("12:05", "skipped", "overlap")
    finish(stage, claimed(stage)["runId"])
    stage.pass_time(timedelta(minutes=5))
    assert ledger(stage, task)[-1] == ("12:10", "fired", None)


@pytest.mark.parametrize("whole", [True, False])
def test_a_pause_is_one_record_that_is_written_when_it_ends(stage: Stage, whole: bool):
    task, trigger = made(stage)
    where = f"/api/tasks/{task}" if whole else f"/api/tasks/{task}/triggers/{trigger}"
    stage.pass_time(timedelta(minutes=6))
    stage.ok("PATCH", where, {"enabled": False})
    stage.pass_time(timedelta(minutes=16))
    assert len(ledger(stage, task)) == 1

    stage.ok("PATCH", where, {"enabled": True})

    newest = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"][0]
    assert (newest["outcome"], newest["reason"]) == ("skipped", "paused")
    assert (newest["occurrence"], newest["until"], newest["count"]) == (
        "2026-05-04T12:10:00Z",
        "2026-05-04T12:20:00Z",
        3,
    )
    assert len(runs(stage, task)) == 1
    stage.pass_time(timedelta(minutes=3))
    assert ledger(stage, task)[-1] == ("12:25", "fired", None)


def test_a_pause_stops_what_was_on_its_way(stage: Stage):
    task, _ = made(stage)
    stage.now += timedelta(minutes=5, seconds=1)
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
    stage.settle()
    assert ledger(stage, task) == []
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})
    assert ledger(stage, task) == [("12:05", "skipped", "paused")]


def test_an_edit_that_changes_no_time_swallows_nothing(stage: Stage):
    task, trigger = made(stage)
    stage.now += timedelta(minutes=5, seconds=1)
    where = f"/api/tasks/{task}/triggers/{trigger}"
    stage.ok("PATCH", where, {"paramMapping": {"what": "else"}})
    config = {"cronExpression": "*/5 * * * *", "catchUpPolicy": "skip"}
    stage.ok("PATCH", where, {"config": config})
    stage.settle()
    assert ledger(stage, task) == [("12:05", "fired", None)]
    assert runs(stage, task)[0]["title"] == "Report"

    stage.now += timedelta(minutes=5)
    stage.ok("PATCH", where, {"config": {"cronExpression": "0 * * * *"}})
    stage.settle()
    assert ledger(stage, task)[-1] == ("12:10", "skipped", "missed")


def test_a_poisoned_trigger_is_disabled_with_its_reason_and_the_others_fire(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    bad, trigger = made(stage)
    good, _ = made(stage)
    from chalicelib.actions.firing import due_schedules as schedule_firing

    real = schedule_firing.decide_firing

    def decide(world: Any, basis: Any, occurrence: Any, **more: Any) -> Any:
        if basis.blueprint.id == bad:
            raise RuntimeError("no luck")
        return real(world, basis, occurrence, **more)

    monkeypatch.setattr(schedule_firing, "decide_firing", decide)
    stage.pass_time(timedelta(minutes=45))
    assert {row[1:] for row in ledger(stage, bad)} == {("skipped", "missed")}
    assert len(ledger(stage, good)) == 9
    (shown,) = stage.ok("GET", f"/api/tasks/{bad}/triggers")["triggers"]
    assert (shown["enabled"], shown["disabledReason"]) == (False, "RuntimeError: no luck")

    monkeypatch.setattr(schedule_firing, "decide_firing", real)
    stage.ok("PATCH", f"/api/tasks/{bad}/triggers/{trigger}", {"enabled": True})
    assert ledger(stage, bad)[-1][1:] == ("skipped", "paused")
    stage.pass_time(timedelta(minutes=5))
    assert ledger(stage, bad)[-1] == ("12:50", "fired", None)


def test_params_that_break_their_schema_start_nothing(stage: Stage):
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    task, _ = made(stage, paramsSchema=schema)
    status, answer = stage.call("POST", f"/api/tasks/{task}/runs", {"params": {"n": "x"}})
    assert status == 400
    assert answer["details"][0]["field"] == "params.n"
    assert stage.call("POST", f"/api/tasks/{task}/runs", {"params": {}})[0] == 400
    stage.ok("POST", f"/api/tasks/{task}/runs", {"params": {"n": 1}})
    stage.pass_time(timedelta(minutes=5))
    (_, outcome, reason) = ledger(stage, task)[-1]
    assert outcome == "fired" or (outcome == "failed" and "'n' is a required" in str(reason))
    assert len(runs(stage, task)) == 1
    assert stage.call("POST", "/api/tasks", {"paramsSchema": {"type": "no"}})[0] == 400


def test_a_prompt_of_the_library_is_what_fires(stage: Stage):
    body = {"name": "Nightly", "template": "Do {{what}}.", "defaultAgentType": "codex"}
    template = stage.ok("POST", "/api/prompt-templates", body)["promptTemplate"]
    assert stage.call("POST", "/api/prompt-templates", {**body, "name": "nightly"})[0] == 409
    task, _ = made(
        stage, promptTemplateId=template["id"], prompt="", agentType=None, agentCommand=None
    )
    where = f"/api/prompt-templates/{template['id']}"
    stage.pass_time(timedelta(minutes=5))
    stage.ok("PATCH", where, {"template": "Do more of {{what}}."})
    stage.pass_time(timedelta(minutes=5))
    shown = [stage.ok("GET", f"/api/tasks/{run['id']}")["task"] for run in runs(stage, task)]
    assert [run["prompt"] for run in shown] == ["Do it.", "Do more of it."]
    assert {run["agentType"] for run in shown} == {"codex"}

    assert stage.call("DELETE", where)[0] == 409
    assert stage.call("PATCH", where, {"template": "{{#if"})[0] == 400
    stage.ok("PATCH", f"/api/tasks/{task}", {"promptTemplateId": None, "prompt": "Own."})
    stage.ok("DELETE", where)
    assert stage.call("GET", where)[0] == 404
    unknown = {"promptTemplateId": template["id"]}
    assert stage.call("PATCH", f"/api/tasks/{task}", unknown)[0] == 400
    (listed,) = (stage.ok("POST", "/api/prompt-templates", body),)
    found = stage.ok("GET", "/api/prompt-templates?kind=prompt")["promptTemplates"]
    assert [one["id"] for one in found] == [listed["promptTemplate"]["id"]]
    assert "template" not in found[0]
    assert stage.ok("GET", "/api/prompt-templates?kind=review")["promptTemplates"] == []


def test_a_preview_renders_and_says_what_is_missing_and_makes_nothing(stage: Stage):
    task, _ = made(stage, config={"overlapPolicy": "skip"}, prompt="Write {{what}} {{more.x}}.")
    stage.ok("POST", f"/api/tasks/{task}/runs", {"params": {"what": "one"}})
    seen = stage.ok("POST", f"/api/tasks/{task}/preview", {"params": {"what": "2", "spare": 1}})
    assert (seen["title"], seen["prompt"]) == ("Report", "Write 2 .")
    assert (seen["missing"], seen["unused"]) == (["more.x"], ["spare"])
    verdicts = {verdict["policy"]: verdict["fires"] for verdict in seen["verdicts"]}
    assert verdicts == {"paused": True, "paramsSchema": True, "overlap": False}
    firing = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"][0]
    again = stage.ok("POST", f"/api/tasks/{task}/preview", {"firingId": firing["id"]})
    assert again["prompt"] == "Write one ."
    assert len(runs(stage, task)) == 1


def test_a_firing_is_delivered_again_under_todays_configuration(stage: Stage):
    task, _ = made(stage)
    stage.pass_time(timedelta(minutes=5))
    firing = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"][0]
    stage.ok("PATCH", f"/api/tasks/{task}", {"prompt": "Rewrite {{what}} of {{scheduledTime}}."})
    where = f"/api/firings/{firing['id']}/redeliver"
    answer = stage.ok("POST", where, **{"Idempotency-Key": "k"})
    assert stage.ok("POST", where, **{"Idempotency-Key": "k"}) == answer
    run = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
    assert run["prompt"] == "Rewrite it of 2026-05-04T12:05:00Z."
    newest = stage.ok("GET", f"/api/firings/{answer['firingId']}")["firing"]
    assert (newest["redeliveryOf"], newest["params"]) == (firing["id"], {"what": "it"})
    assert len(runs(stage, task)) == 2
    stage.ok("DELETE", f"/api/tasks/{task}")
    assert stage.call("POST", where)[0] == 409


def test_why_it_fired_or_did_not_is_one_sentence(stage: Stage):
    task, trigger = made(stage, config={"timezone": "Europe/Berlin"})

    def why(at: str) -> str:
        answer = stage.ok("GET", f"/api/tasks/{task}/triggers/{trigger}/explain?at={at}")
        return str(answer["answer"])

    stage.pass_time(timedelta(minutes=6))
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
    stage.pass_time(timedelta(minutes=16))
    assert "paused now" in why("2026-05-04T12:15:00Z")
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})

    assert why("2026-05-04T12:05:00Z").startswith("It fired for 2026-05-04T12:05:00Z")
    assert "one of 3 times" in why("2026-05-04T12:15:00Z")
    assert "the blueprint or its trigger was paused" in why("2026-05-04T14:15:00%2B02:00")
    assert "the nearest are 2026-05-04T12:05:00Z and" in why("2026-05-04T12:07:00Z")
    assert "it was created at" in why("2026-05-04T11:55:00Z")
    assert why("2026-05-04T12:25:00Z") == "It will fire at 2026-05-04T12:25:00Z."
    stage.now += timedelta(minutes=4)
    assert "has not fired yet, 60 s late" in why("2026-05-04T12:25:00Z")
    assert stage.call("GET", f"/api/tasks/{task}/triggers/{trigger}/explain?at=noon")[0] == 400


def test_the_scheduler_says_how_it_is(stage: Stage):
    assert stage.ok("GET", "/api/health/scheduler")["status"] == "stopped"
    _, trigger = made(stage)
    stage.pass_time(timedelta(minutes=12))
    health = stage.ok("GET", "/api/health/scheduler")
    assert (health["status"], health["lastTick"]) == ("ok", "2026-05-04T12:12:00Z")
    assert health["latenessMs"]["count"] == 2
    assert health["latenessMs"]["p99"] is not None
    stage.now += timedelta(minutes=5)
    assert health["deadLetters"] == {"fire": 0, "steps": 0, "remote": 0, "notify": 0}
    health = stage.ok("GET", "/api/health/scheduler")
    assert health["status"] == "stopped"
    assert health["oldestOverdue"]["triggerId"] == trigger
    assert health["oldestOverdue"]["overdueSeconds"] == 120


def test_a_stage_that_just_came_up_is_starting_until_its_first_tick_is_overdue(stage: Stage):
    stage.pass_time(timedelta(minutes=1))
    stage.now += timedelta(hours=8)
    wiring.get_world().markers.record_time("start", stage.now)
    health = stage.ok("GET", "/api/health/scheduler")
    assert (health["status"], health["startedAt"]) == ("starting", "2026-05-04T20:01:00Z")
    stage.now += timedelta(minutes=3, seconds=1)
    assert stage.ok("GET", "/api/health/scheduler")["status"] == "stopped"
    stage.pass_time(timedelta(minutes=1))
    assert stage.ok("GET", "/api/health/scheduler")["status"] == "ok"


def test_triggers_that_are_added_at_once_are_all_there_and_never_more_than_allowed(stage: Stage):
    task, _ = made(stage)
    where = f"/api/tasks/{task}/triggers"
    body = {"type": "schedule", "config": {"cronExpression": "0 0 * * *"}}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: stage.call("POST", where, body)[0], range(30)))
    kept = stage.ok("GET", where)["triggers"]
    assert len(kept) == answers.count(201) + 1 <= 20
    assert set(answers) <= {201, 409}
    stage.ok("DELETE", f"{where}/{kept[0]['id']}")
    assert len(stage.ok("GET", where)["triggers"]) == len(kept) - 1


def test_a_run_whose_step_fails_again_and_again_fails_with_its_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    from chalicelib.actions.runs import admission

    task, _ = made(stage)
    run = stage.ok("POST", f"/api/tasks/{task}/runs", {})["runId"]

    def admit(*_: Any) -> None:
        raise RuntimeError("no luck")

    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
    sqs = boto3.client("sqs", region_name=settings.region)
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.purge_queue(QueueUrl=url)
    monkeypatch.setattr(admission, "admit_queue", admit)
    stage.pass_time(timedelta(minutes=45))

    shown = stage.ok("GET", f"/api/tasks/{run}")["task"]
    assert shown["state"] == "failed"
    assert shown["errorMessage"].endswith("failed 10 times: RuntimeError: no luck")


def test_the_start_of_a_schedule_is_the_moment_that_was_meant_whatever_its_offset(stage: Stage):
    task, _ = made(stage, config={"startAt": "2026-06-01T08:00:00+02:00"})
    (trigger,) = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert trigger["config"]["startAt"] == "2026-06-01T06:00:00Z"
    assert trigger["nextFireAt"] == "2026-06-01T06:00:00Z"


def test_an_idempotency_key_binds_for_a_day_and_is_free_again(stage: Stage):
    task, _ = made(stage)
    key = {"Idempotency-Key": "nightly"}
    where = f"/api/tasks/{task}/runs"
    first = stage.ok("POST", where, {}, **key)
    (firing,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    again = f"/api/firings/{firing['id']}/redeliver"
    redelivered = stage.ok("POST", again, **key)

    stage.now += timedelta(hours=23)
    assert stage.ok("POST", where, {}, **key) == first
    stage.now += timedelta(hours=2)

    second = stage.ok("POST", where, {}, **key)
    assert second["runId"] != first["runId"]
    assert stage.ok("POST", where, {}, **key) == second
    assert stage.ok("POST", again, **key)["firingId"] != redelivered["firingId"]


def test_who_asks_a_forge_keeps_nobody_else_of_its_batch_from_firing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    asks = {"type": "repo-blueprint", "repoUrl": "acme/web", "skipIfUnchanged": True}
    pairs = [made(stage, **more)[::-1] for more in (asks, {})]
    order: list[bool] = []

    def unchanged(world: Any, blueprint: Blueprint) -> bool:
        order.append(blueprint.skip_if_unchanged)
        return False

    monkeypatch.setattr(policies, "is_unchanged", unchanged)
    stage.now += timedelta(minutes=5)
    due_schedules.fire_due_triggers(wiring.get_world(), pairs)
    assert order == [False]

    stage.settle()
    assert order == [False, True]
