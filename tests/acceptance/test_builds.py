"""Runs whose job a CodeBuild build does: started once, for one claim, and its end is noticed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib import wiring
from chalicelib.actions.jobs.builds import CAPACITY_PATIENCE, MAX_CAPACITY_BACKOFF
from chalicelib.actions.scheduler import run_due
from chalicelib.domain.runs.build import CLAIM_TOKEN_LIFETIME
from chalicelib.settings import Settings, settings
from chalicelib.storage.records import TABLE_RECORDS
from tests.conftest import RUNNER_TOKEN, Stage
from tests.support.build_account import Account, ends, started
from tests.support.cli import Terminal
from tests.support.cli_findings import findings, terminal

__all__ = ["terminal"]


@pytest.fixture
def account(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Account:
    account = Account()
    monkeypatch.setitem(settings.__dict__, "runner", "codebuild")
    account.plug_in()
    return account


NO_CAPACITY: Any = ClientError(
    {
        "Error": {
            "Code": "AccountLimitExceededException",
            "Message": "Cannot have more than 0 builds in queue for the account",
        }
    },
    "StartBuild",
)


def shown(stage: Stage, run: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.ok("GET", f"/api/tasks/{run}")["task"]
    return found


def claim(stage: Stage, token: str) -> tuple[int, Any]:
    return stage.call("POST", "/api/runner/claim", {"runner": "build"}, token=token)


PULL = [
    {
        "phase-type": "PROVISIONING",
        "phase-status": "CLIENT_ERROR",
        "phase-context": ["BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: manifest unknown"],
    }
]


def test_a_build_is_started_for_a_run_and_its_token_claims_that_run_alone(
    stage: Stage, account: Account
):
    other, run = started(stage, priority=1), started(stage)
    asked = account.asked[-1]
    assert asked["projectName"] == "optio-test-runner"
    assert asked["timeoutInMinutesOverride"] == 75
    assert claim(stage, RUNNER_TOKEN)[0] == 204  # a self-hosted runner is not offered it

    status, answer = claim(stage, account.token())
    assert (status, answer["job"]["runId"]) == (200, run)
    assert claim(stage, account.token())[0] == 204  # once

    here = {"runId": run, "attempt": 1}
    beat = stage.call("POST", "/api/runner/beat", here, token=account.token())
    assert beat == (200, {"continue": True, "reason": None})
    for foreign in ({"runId": other, "attempt": 1}, {"runId": run, "attempt": 2}):
        for path in ("beat", "report"):
            body = {**foreign, "outcome": "succeeded"} if path == "report" else foreign
            assert stage.call("POST", f"/api/runner/{path}", body, token=account.token())[0] == 403
    assert stage.call("GET", "/api/tasks", token=account.token())[0] == 401
    end = {**here, "outcome": "no_changes"}
    assert stage.call("POST", "/api/runner/report", end, token=account.token())[0] == 200
    ends(stage, asked, "SUCCEEDED")
    assert shown(stage, run)["state"] == "completed"


def test_a_key_of_a_runner_says_and_hears_nothing_of_the_run_of_a_build(
    stage: Stage, account: Account
):
    run = started(stage)
    assert claim(stage, account.token())[0] == 200
    here = {"runId": run, "attempt": 1}
    end = {"outcome": "no_changes"}
    for path, more in (("beat", {}), ("token", {}), ("outputs", {"files": []}), ("report", end)):
        status, answer = stage.call(
            "POST", f"/api/runner/{path}", {**here, **more}, token=RUNNER_TOKEN
        )
        assert (status, answer["error"]) == (403, "this token is for another run or attempt"), path
    assert shown(stage, run)["state"] == "running"


def test_the_pass_of_a_build_is_exchanged_at_the_claim_for_a_token_that_no_build_shows(
    stage: Stage, account: Account
):
    run = started(stage)
    shown_in_the_build = account.token()
    asked = {"runner": "p:1", "exchanges": True}
    status, answer = stage.call("POST", "/api/runner/claim", asked, token=shown_in_the_build)
    assert status == 200
    token = answer["job"]["runnerToken"]
    assert token.startswith("optio_job_")
    assert token not in json.dumps(account.asked)

    here = {"runId": run, "attempt": 1}
    end = {"outcome": "no_changes"}
    calls = (("beat", {}), ("token", {}), ("outputs", {"files": []}), ("report", end))
    for path, more in calls:
        body = {**here, **more}
        refused = stage.call("POST", f"/api/runner/{path}", body, token=shown_in_the_build)
        assert refused[0] == 403, path
    assert claim(stage, token)[0] == 204  # it speaks, and claims nothing
    for path, more in calls:
        assert stage.call("POST", f"/api/runner/{path}", {**here, **more}, token=token)[0] == 200
    assert shown(stage, run)["state"] == "completed"


def test_a_token_for_a_claim_cannot_be_made_into_one_that_speaks(stage: Stage, account: Account):
    run = started(stage)
    asked = {"runner": "p:1", "exchanges": True}
    assert stage.call("POST", "/api/runner/claim", asked, token=account.token())[0] == 200

    forged = account.token().replace("optio_run_", "optio_job_")

    here = {"runId": run, "attempt": 1}
    assert stage.call("POST", "/api/runner/beat", here, token=forged)[0] == 401


def test_the_token_of_a_build_lies_in_no_table_and_no_queue(stage: Stage, account: Account):
    started(stage)
    token = account.token()
    signature = token.rpartition(".")[2]
    rows = [row.to_dynamodb_dict() for table in TABLE_RECORDS for row in table.scan()]
    assert signature not in json.dumps(rows, default=str)
    sqs = boto3.client("sqs", region_name=settings.region)
    url = sqs.get_queue_url(QueueName=settings.queue_name("steps"))["QueueUrl"]
    left = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    assert signature not in json.dumps(left)


@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_a_token_that_was_changed_opens_nothing(stage: Stage, account: Account, part: int):
    run = started(stage)
    parts = account.token().split(".")
    parts[part] = parts[part][:-1] + ("0" if parts[part][-1] != "0" else "1")
    assert claim(stage, ".".join(parts))[0] == 401
    assert shown(stage, run)["state"] == "provisioning"


def test_a_token_expires(stage: Stage, account: Account):
    run = started(stage)
    stage.now += CLAIM_TOKEN_LIFETIME + timedelta(seconds=1)
    assert claim(stage, account.token())[0] == 204
    assert shown(stage, run)["state"] == "provisioning"


def test_a_build_that_fails_before_its_claim_is_tried_again_and_then_told_truly(
    stage: Stage, account: Account
):
    run = started(stage, maxRetries=1)
    first = account.asked[0]
    ends(stage, first, phase=PULL)
    now = shown(stage, run)
    assert (now["state"], now["retryCount"], now["attempt"]) == ("queued", 1, 0)
    assert "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: manifest unknown" in now["errorMessage"]

    ends(stage, first, phase=PULL)  # told twice
    assert shown(stage, run)["retryCount"] == 1
    stage.pass_time(timedelta(minutes=2))
    assert len(account.builds) == 2
    assert claim(stage, account.token(0))[0] == 204  # the first build's token is over
    ends(stage, account.asked[-1], phase=PULL)
    now = shown(stage, run)
    assert (now["state"], now["errorClass"]) == ("failed", "launch")
    assert "PROVISIONING CLIENT_ERROR" in now["errorMessage"]
    assert wiring.get_world().run_sets.held_runs("stage") == frozenset()


def test_the_fifth_build_that_comes_to_nothing_pauses_its_definition(
    stage: Stage, account: Account
):
    body = {"name": "Nightly", "prompt": "Go.", "agentType": "command", "agentCommand": "true"}
    trigger = {"type": "schedule", "config": {"cronExpression": "0 3 * * *"}}
    more = {"type": "standalone", "maxRetries": 0, "triggers": [trigger]}
    task = stage.ok("POST", "/api/tasks", {**body, **more})["task"]["id"]
    for number in range(5):
        assert shown(stage, task)["enabled"], number
        stage.now += timedelta(minutes=1)
        stage.ok("POST", f"/api/tasks/{task}/runs", {})
        stage.settle()
        ends(stage, account.asked[-1], phase=PULL)

    paused = shown(stage, task)
    assert not paused["enabled"]
    assert "5 failures in a row of the class launch" in paused["pausedReason"]
    assert "unable_to_pull_image" in paused["pausedReason"].lower()
    (trigger,) = stage.ok("GET", f"/api/tasks/{task}/triggers")["triggers"]
    assert trigger["nextFireAt"] is None


def test_a_build_that_dies_in_the_middle_is_followed_by_the_next_attempt_at_once(
    stage: Stage, account: Account
):
    run = started(stage)
    assert claim(stage, account.token())[0] == 200
    ends(stage, account.asked[0], "STOPPED")
    now = shown(stage, run)
    assert (now["state"], now["retryCount"]) == ("queued", 1)
    stage.settle()
    assert len(account.builds) == 2
    status, answer = claim(stage, account.token())
    assert (status, answer["job"]["attempt"]) == (200, 2)
    ends(stage, account.asked[0], "STOPPED")  # late, of the first build
    assert shown(stage, run)["state"] == "running"


def test_the_end_of_a_second_build_of_a_launch_leaves_the_one_alone_that_works(
    stage: Stage, account: Account
):
    """CodeBuild remembers a token for five minutes only."""
    run = started(stage)
    first = {"runner": "optio-test-runner:0"}
    assert stage.call("POST", "/api/runner/claim", first, token=account.token())[0] == 200
    ends(stage, account.asked[0], "SUCCEEDED")  # of optio-test-runner:1, which got no job
    assert shown(stage, run)["state"] == "running"


def test_the_end_of_the_build_that_works_is_the_end_of_its_attempt(stage: Stage, account: Account):
    run = started(stage)
    it = {"runner": "optio-test-runner:1"}
    assert stage.call("POST", "/api/runner/claim", it, token=account.token())[0] == 200
    ends(stage, account.asked[0], "FAILED")
    assert shown(stage, run)["state"] == "queued"


def test_the_end_of_a_build_that_somebody_started_by_hand_is_of_no_run(
    stage: Stage, account: Account
):
    run = started(stage)
    ends(stage, {"environmentVariablesOverride": []})
    assert shown(stage, run)["state"] == "provisioning"


def test_a_build_whose_end_nobody_told_is_found_by_the_watchdog(stage: Stage, account: Account):
    run = started(stage)
    stage.pass_time(timedelta(minutes=6))
    assert shown(stage, run)["state"] == "provisioning"  # it only waits for a machine
    account.state = {
        "buildStatus": "TIMED_OUT",
        "phases": [{"phaseType": "PROVISIONING", "phaseStatus": "TIMED_OUT"}],
    }
    stage.pass_time(timedelta(minutes=5))
    events = stage.ok("GET", f"/api/tasks/{run}/events")["events"]
    assert any("(TIMED_OUT): PROVISIONING TIMED_OUT" in event["message"] for event in events)


@pytest.mark.parametrize("told", ["by the event", "when asked"])
def test_a_build_that_only_waited_for_a_machine_costs_no_retry(
    stage: Stage, account: Account, told: str
):
    """A new account runs one build at a time: the others wait in CodeBuild for half an hour."""
    run = started(stage, maxRetries=0)
    for number in range(3):
        queued = account.asked[-1]
        if told == "by the event":
            phase = {"phase-type": "QUEUED", "phase-status": "TIMED_OUT"}
            ends(stage, queued, "TIMED_OUT", [phase])
        else:
            phases = [{"phaseType": "QUEUED", "phaseStatus": "TIMED_OUT"}]
            account.state = {"buildStatus": "TIMED_OUT", "phases": phases}
            while shown(stage, run)["waitingFor"] == "a build":
                stage.pass_time(timedelta(minutes=1))
        now = shown(stage, run)
        assert (now["state"], now["retryCount"]) == ("provisioning", 0)
        assert (
            "no free capacity yet: the build ended (TIMED_OUT): QUEUED TIMED_OUT"
            in now["waitingFor"]
        )
        account.state = {"buildStatus": "IN_PROGRESS"}
        stage.pass_time(timedelta(minutes=2))
        assert len(account.builds) == number + 2
    assert claim(stage, account.token())[0] == 200


@pytest.mark.parametrize("line", ["before", "after"])
def test_a_launch_that_dies_at_any_line_ends_in_one_build(
    stage: Stage, account: Account, monkeypatch: pytest.MonkeyPatch, line: str
):
    real = wiring.get_world().builds.start_build
    died: list[bool] = []

    def dies(*given: Any) -> str:
        if died:
            return real(*given)
        died.append(True)
        if line == "after":
            real(*given)
        raise SystemExit("out of memory")

    monkeypatch.setattr(wiring.get_world().builds, "start_build", dies)
    with pytest.raises(SystemExit):
        started(stage)
    (run,) = stage.ok("GET", "/api/tasks?state=provisioning")["tasks"]
    run_due.handle_due_run(wiring.get_world(), run["id"])
    run_due.handle_due_run(wiring.get_world(), run["id"])
    assert len(account.builds) == 1
    assert claim(stage, account.token())[0] == 200


def test_throttling_is_shown_and_passes(stage: Stage, account: Account):
    told = {"Error": {"Code": "ThrottlingException", "Message": "too many requests"}}
    account.fault = ClientError(told, "StartBuild")  # type: ignore[arg-type]
    run = started(stage)
    assert "too many requests" in shown(stage, run)["waitingFor"]
    account.fault = None
    stage.pass_time(timedelta(minutes=1))
    assert claim(stage, account.token())[0] == 200


def test_a_run_waits_for_the_builds_of_an_account_for_as_long_as_they_take(
    stage: Stage, account: Account
):
    told = {"Error": {"Code": "AccountLimitExceededException", "Message": "more than 1 build"}}
    account.fault = ClientError(told, "StartBuild")  # type: ignore[arg-type]
    run = started(stage)
    stage.pass_time(timedelta(minutes=50))
    waiting = shown(stage, run)
    assert (waiting["state"], waiting["retryCount"]) == ("queued", 0)
    assert "more than 1 build" in waiting["waitingFor"]

    account.fault = None
    stage.pass_time(MAX_CAPACITY_BACKOFF + timedelta(minutes=1))
    assert claim(stage, account.token())[0] == 200


def test_a_run_keeps_its_slot_for_a_build_that_is_refused_for_moments(
    stage: Stage, account: Account
):
    account.fault = NO_CAPACITY
    run = started(stage)
    stage.pass_time(CAPACITY_PATIENCE - timedelta(minutes=1))
    assert shown(stage, run)["state"] == "provisioning"
    account.fault = None
    stage.pass_time(timedelta(minutes=1))
    assert claim(stage, account.token())[0] == 200


def test_an_account_that_may_run_no_builds_does_not_stop_a_stage(
    stage: Stage, account: Account, monkeypatch: pytest.MonkeyPatch
):
    """A new account answers each request for a build so, while other runners are idle."""
    account.fault = NO_CAPACITY
    missing: list[None] = []
    monkeypatch.setattr(
        type(wiring.get_world().metrics), "count_missing_runner", lambda self: missing.append(None)
    )
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/own", "runner": "self-hosted"})
    builds = [
        started(stage, repoUrl=f"acme/web{number}") for number in range(settings.max_concurrent)
    ]
    own = started(stage, repoUrl="acme/own")
    assert claim(stage, RUNNER_TOKEN)[0] == 204  # the stage is full
    assert not missing

    stage.pass_time(CAPACITY_PATIENCE + timedelta(minutes=2))

    assert [shown(stage, run)["state"] for run in builds] == ["queued"] * len(builds)
    assert len(missing) >= len(builds)
    status, answer = claim(stage, RUNNER_TOKEN)
    assert (status, answer["job"]["runId"]) == (200, own)
    stage.pass_time(timedelta(hours=1))
    states = [shown(stage, run)["state"] for run in builds]
    assert states == ["queued"] * len(builds)  # admitted and refused within one moment
    events = stage.ok("GET", f"/api/tasks/{builds[0]}/events")["events"]
    assert len(events) < 6  # a row has a size limit, and the wait may last for weeks


def test_a_build_that_cannot_be_asked_for_fails_the_run_with_the_reason(
    stage: Stage, account: Account
):
    told = {"Error": {"Code": "InvalidInputException", "Message": "no such image"}}
    account.fault = ClientError(told, "StartBuild")  # type: ignore[arg-type]
    now = shown(stage, started(stage))
    assert now["state"] == "failed"
    reason = "CodeBuild refused the build: InvalidInputException: no such image"
    assert now["errorMessage"] == reason


def test_a_repo_chooses_its_runner_its_image_and_its_machine(stage: Stage, account: Account):
    more = {"image": "python:3.12", "computeType": "BUILD_GENERAL1_LARGE"}
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/big", **more})
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/own", "runner": "self-hosted"})
    started(stage, repoUrl="acme/big")
    asked = account.asked[-1]
    assert (asked["imageOverride"], asked["computeTypeOverride"]) == tuple(more.values())
    own = started(stage, repoUrl="acme/own")
    assert len(account.asked) == 1
    status, answer = claim(stage, RUNNER_TOKEN)
    assert (status, answer["job"]["runId"]) == (200, own)


def test_the_doctor_says_what_to_raise_where_builds_are_refused(
    stage: Stage, account: Account, terminal: Terminal
):
    account.fault = NO_CAPACITY
    started(stage)
    verdict, told = findings(terminal)["builds"]
    assert verdict == "bad"
    assert told.startswith("1 waiting for a CodeBuild build: a build; the account has no free cap")
    assert "Cannot have more than 0 builds" in told
    assert "Service Quotas, AWS CodeBuild" in told
    assert "runner" not in findings(terminal)


def test_the_image_and_the_machine_of_a_blueprint_go_before_those_of_its_repo(
    stage: Stage, account: Account
):
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/big", "image": "python:3.12"})
    own = {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/agents:1"}
    started(stage, repoUrl="acme/big", **own, computeType="BUILD_GENERAL1_SMALL")
    asked = account.asked[-1]
    assert asked["imageOverride"] == own["image"]
    assert asked["imagePullCredentialsTypeOverride"] == "SERVICE_ROLE"
    assert asked["computeTypeOverride"] == "BUILD_GENERAL1_SMALL"


def test_a_task_without_a_repo_may_name_its_image(stage: Stage, account: Account):
    image = {"image": "aws/codebuild/standard:7.0"}
    task = {"type": "standalone", "name": "Report", "prompt": "Report", "agentType": "codex"}
    made = stage.ok("POST", "/api/tasks", {**task, **image})["task"]
    assert (made["image"], made["computeType"]) == (image["image"], None)
    stage.ok("POST", f"/api/tasks/{made['id']}/runs", {})
    stage.settle()
    asked = account.asked[-1]
    assert asked["imageOverride"] == image["image"]
    assert asked["imagePullCredentialsTypeOverride"] == "CODEBUILD"
    assert "computeTypeOverride" not in asked
    variables = {each["name"]: each["value"] for each in asked["environmentVariablesOverride"]}
    assert variables["OPTIO_AGENT_TYPE"] == "codex"


@pytest.mark.parametrize(
    "field, value", [("image", "no image"), ("computeType", "BUILD_LAMBDA_1GB")]
)
def test_a_task_with_an_impossible_image_or_machine_is_refused(
    stage: Stage, field: str, value: str
):
    body = {"type": "standalone", "name": "Report", "prompt": "Report", field: value}
    status, answer = stage.call("POST", "/api/tasks", body)
    assert (status, [fault["field"] for fault in answer["details"]]) == (400, [field])


def test_a_stage_on_aws_uses_builds_unless_told_otherwise():
    assert Settings({}).runner == "codebuild"
    with pytest.raises(ValueError, match="OPTIO_RUNNER must be one of codebuild, self-hosted"):
        _ = Settings({"OPTIO_RUNNER": "lambda"}).runner
    with pytest.raises(ValueError, match="OPTIO_RUNNER_COMPUTE must be one of BUILD_GENERAL1_SM"):
        _ = Settings({"OPTIO_RUNNER_COMPUTE": "large"}).runner_compute_type
