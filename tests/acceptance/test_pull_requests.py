"""A pushed branch becomes one pull request, and is followed to its end, over real HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions.notifications import announce
from chalicelib.domain.pull_requests.forge import WEBHOOK_SECRET_NAMES
from chalicelib.integrations.github.client import GitHubClient
from chalicelib.settings import settings
from tests.conftest import Stage
from tests.fakes.github import TOKEN, FakeGitHub, app_key
from tests.fakes.receiver import receiving
from tests.support.pull_request_stage import (
    SIGNED_WITH,
    change_repo,
    later,
    opened,
    pushed,
    runner,
    shown,
    started,
)
from tests.support.pull_request_stage import github as github

SECOND = timedelta(seconds=1)


def test_a_pushed_branch_becomes_one_pull_request_that_says_what_it_is(
    stage: Stage, github: FakeGitHub
):
    github.files[".github/pull_request_template.md"] = "## Checklist\n- [ ] tests"
    run = started(stage, github, draft=True, prLabels=["bot", "deps"])

    job = pushed(stage, github)
    stage.settle()

    assert job["repo"]["token"] == TOKEN
    task = shown(stage, run)
    assert (task["state"], task["stage"], task["prState"]) == ("pr_opened", None, "open")
    ((number, pull),) = github.pulls.items()
    assert (task["prNumber"], task["prUrl"]) == (number, f"{github.repo_url}/pull/{number}")
    assert (pull["title"], pull["base"], pull["draft"]) == ("Bump", "main", True)
    assert pull["labels"] == ["bot", "deps"]
    for part in ("## Checklist", "Bump it, see", "Bumped.", "Trigger: manual", "$0.25", run):
        assert part in pull["body"], part
    assert "#7" not in pull["body"]
    assert "@ann" not in pull["body"]


def test_no_title_closes_or_mentions_anything_in_a_commit_or_a_merge(
    stage: Stage, github: FakeGitHub
):
    change_repo(stage, autoMerge=True)
    issue = github.issue("Another", [])
    run = started(stage, github, name=f"fixes #{issue} for @ann")

    job = pushed(stage, github)
    stage.settle()
    github.check("a" * 40, "success")
    later(stage, 120)

    assert shown(stage, run)["prState"] == "merged"
    (merged,) = github.merged
    (pull,) = github.pulls.values()
    texts = [job["title"], pull["title"], *merged.values()]
    assert not [text for text in texts if f"#{issue}" in text or "@ann" in text]
    assert github.book.items[issue].open


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/pulls"),
        ("POST", "/pulls"),
        ("GET", "/contents"),
        ("POST", "/labels"),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_the_same_pull_request_is_found_whichever_call_fails(
    stage: Stage, github: FakeGitHub, method: str, path: str, late: bool
):
    run = started(stage, github, prLabels=["bot"])
    pushed(stage, github)
    github.fail(method, path, 502, late=late)

    later(stage, 120)

    task = shown(stage, run)
    assert task["state"] == "pr_opened", task["errorMessage"]
    assert len(github.pulls) == 1
    assert github.pulls[task["prNumber"]]["labels"] == ["bot"]


def test_publishes_that_are_refused_pause_their_definition_and_a_webhook_hears_of_it(
    stage: Stage, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(announce, "ANNOUNCEMENT_HEAD_START", timedelta(0))
    nightly = {"type": "schedule", "config": {"cronExpression": "0 3 * * *"}}
    first = started(stage, github, triggers=[nightly])
    task = wiring.get_world().runs.get(first).blueprint_id
    github.fail("POST", "/pulls", 403, message="Resource not accessible", times=100)
    with receiving() as receiver:
        stage.ok("POST", "/api/webhooks", {"url": receiver.url, "events": ["definition.paused"]})
        for number in range(5):
            if number:
                stage.ok("POST", f"/api/tasks/{task}/runs", {})
                stage.settle()
            pushed(stage, github)
            stage.settle()
            later(stage)
        assert [sent.json["type"] for sent in receiver.sent] == ["definition.paused"]
    paused = stage.ok("GET", f"/api/tasks/{task}")["task"]
    assert "5 failures in a row of the class forge_" in paused["pausedReason"]


def test_a_pull_request_that_is_open_for_two_months_keeps_the_prompt_of_its_task(
    stage: Stage, github: FakeGitHub
):
    noise = Random(1).randbytes(100_000).hex()
    run = opened(stage, github, prompt=noise)
    for _ in range(2):
        stage.now += timedelta(days=60)
        later(stage)
    stored = wiring.get_world().runs.get(run)
    assert stored.brief_kept_until == stage.now + settings.retention + timedelta(days=1)
    assert wiring.get_world().firings.get_brief(stored.firing_id).prompt == noise


class Died(BaseException):
    """The process is gone."""


CALLS = 20
"""How many calls a publish makes: to the forge, to the stores, to the queue."""


@pytest.mark.parametrize("fatal", [*range(1, CALLS + 1), 99])
def test_publish_may_die_after_each_of_its_calls(
    stage: Stage, github: FakeGitHub, fatal: int, monkeypatch: pytest.MonkeyPatch
):
    github.files[".github/pull_request_template.md"] = "- [ ] tests"
    run = started(stage, github, prLabels=["bot"])
    pushed(stage, github)
    calls, on = 0, True

    def counted(real: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal calls
            done = real(*given, **named)
            calls += on
            if on and calls == fatal:
                raise Died
            return done

        return call

    world: Any = wiring.get_world()
    monkeypatch.setattr(GitHubClient, "send_request", counted(GitHubClient.send_request))
    for store, names in (
        (world.runs, ("get", "put")),
        (world.run_sets, ("hold_runs", "held_runs", "move_run")),
        (world.firings, ("get", "get_brief")),
        (world.repos, ("find_by_url",)),
        (world.secrets, ("find_named",)),
        (world.vault, ("get",)),
        (world.steps_queue, ("send_messages",)),
        (world.remote_queue, ("send_messages",)),
    ):
        for name in names:
            monkeypatch.setattr(store, name, counted(getattr(store, name)))
    with suppress(Died):
        stage.settle()
    on = False
    assert calls == min(fatal, CALLS)  # else there are more calls to die after
    later(stage, 180)

    task = shown(stage, run)
    assert (task["state"], task["prState"]) == ("pr_opened", "open")
    assert len(github.pulls) == 1
    pull = github.pulls[task["prNumber"]]
    assert (pull["labels"], pull["body"].count("### Asked")) == (["bot"], 1)


def test_a_dead_runner_matters_no_more_once_the_branch_is_pushed(stage: Stage, github: FakeGitHub):
    run = started(stage, github)
    github.fail("GET", "/pulls", 503, times=5)
    job = pushed(stage, github)

    assert shown(stage, run)["stage"] == "publish"
    stage.settle()
    beat = runner(stage, "beat", {"runId": run, "attempt": job["attempt"], "stage": "agent"})
    assert beat == (200, {"continue": False, "reason": "superseded"})
    assert runner(stage, "report", {"runId": run, "attempt": 1, "outcome": "failed"})[0] == 409
    later(stage, 600)

    task = shown(stage, run)
    assert (task["state"], task["attempt"]) == ("pr_opened", 1)


@pytest.mark.parametrize(
    "status, message, told",
    [
        (401, "Bad credentials", "GITHUB_TOKEN"),
        (403, "Resource not accessible by personal access token", "write access"),
        (404, "Not Found", "give the credential access"),
        (422, "Validation Failed", "rejects"),
    ],
)
def test_what_a_person_must_mend_is_said_and_a_retry_goes_on_at_publish(
    stage: Stage, github: FakeGitHub, status: int, message: str, told: str
):
    run = started(stage, github)
    pushed(stage, github)
    github.fail("POST", "/pulls", status, message=message)

    stage.settle()

    task = shown(stage, run)
    assert (task["state"], task["stage"]) == ("failed", "publish")
    assert told in task["errorMessage"]
    assert message in task["errorMessage"]
    stage.ok("POST", f"/api/tasks/{run}/retry")
    stage.settle()
    task = shown(stage, run)
    assert (task["state"], task["attempt"], task["errorMessage"]) == ("pr_opened", 1, None)


def test_retry_after_is_obeyed_and_a_rate_limit_fails_nothing(stage: Stage, github: FakeGitHub):
    run = started(stage, github)
    pushed(stage, github)
    secondary = "You have exceeded a secondary rate limit"
    github.fail("POST", "/pulls", 403, message=secondary, headers={"Retry-After": "300"})

    stage.settle()
    asked = len(github.calls)
    later(stage, 290)
    assert len(github.calls) == asked
    assert "rate limit" in shown(stage, run)["errorMessage"]
    later(stage, 60)

    assert shown(stage, run)["state"] == "pr_opened"


def test_a_job_that_outlives_its_apps_token_gets_a_new_one_to_push_with(
    stage: Stage, github: FakeGitHub
):
    stage.ok("DELETE", "/api/secrets/GITHUB_TOKEN")
    stage.ok("PUT", "/api/secrets/GITHUB_APP_ID", {"value": "12345"})
    stage.ok("PUT", "/api/secrets/GITHUB_APP_PRIVATE_KEY", {"value": app_key()})
    run = started(stage, github, timeoutMinutes=120)
    job = runner(stage, "claim", {"runner": "r1"})[1]["job"]
    here = {"runId": run, "attempt": 1}
    assert job["repo"]["token"] == TOKEN
    assert runner(stage, "token", here) == (200, {"token": TOKEN})
    for _ in range(60):
        stage.now += 60 * SECOND
        runner(stage, "beat", {**here, "stage": "agent"})
    github.token, github.token_ends = "ghs_another", "2026-05-04T14:00:00Z"

    assert runner(stage, "token", here) == (200, {"token": "ghs_another"})
    assert stage.call("POST", "/api/runner/token", here)[0] == 403
    assert runner(stage, "token", {**here, "attempt": 2})[0] == 409
    github.fail("GET", "/installation", 503)
    stage.now += 3600 * SECOND
    assert runner(stage, "token", here) == (200, {"token": None})
    assert runner(stage, "report", {**here, "outcome": "failed"})[0] == 200
    assert runner(stage, "token", here)[0] == 409


def test_a_repo_without_a_credential_says_which_one_to_keep(stage: Stage, github: FakeGitHub):
    stage.ok("DELETE", "/api/secrets/GITHUB_TOKEN")
    run = started(stage, github)
    assert pushed(stage, github)["repo"]["token"] is None
    stage.settle()

    assert "PUT /api/secrets/GITHUB_TOKEN" in shown(stage, run)["errorMessage"]


def test_a_repo_elsewhere_is_opened_by_a_token_of_its_own_and_by_no_other(stage: Stage):
    url = "https://gitlab.example.com/acme/web"

    def token() -> str | None:
        stage.ok("POST", "/api/tasks", {"prompt": "x", "name": "x", "repoUrl": url})
        stage.settle()
        status, answer = runner(stage, "claim", {"runner": "r1"})
        assert status == 200, answer
        assert answer["job"]["secrets"] == {}
        found: str | None = answer["job"]["repo"]["token"]
        return found

    for name, scope in (("REPO_TOKEN", "global"), ("GITHUB_TOKEN", url), ("REPO_TOKEN", f"{url}2")):
        stage.ok("PUT", f"/api/secrets/{name}", {"value": "of another", "scope": scope})
    assert token() is None
    stage.ok("PUT", "/api/secrets/REPO_TOKEN", {"value": "glpat-its-own", "scope": f"{url}.git"})
    assert token() == "glpat-its-own"


@pytest.mark.parametrize("secret", ["GITHUB_TOKEN", "REPO_TOKEN"])
@pytest.mark.parametrize("where", ["/api/tasks", "/api/repos"])
def test_the_forges_own_secret_is_never_handed_to_a_task(stage: Stage, where: str, secret: str):
    body: dict[str, Any] = {"repoUrl": "acme/api", "secrets": [secret]}
    if where == "/api/tasks":
        body |= {"type": "repo-blueprint", "name": "x", "prompt": "x"}

    status, answer = stage.call("POST", where, body)

    assert status == 400
    assert answer["details"][0]["field"].startswith("secrets")
    assert "never handed to a task" in answer["error"]


def test_an_unchanged_pull_request_costs_no_quota(stage: Stage, github: FakeGitHub):
    run = opened(stage, github)
    number = shown(stage, run)["prNumber"]
    github.check("a" * 40, "success")
    later(stage, 60)
    assert shown(stage, run)["prChecksStatus"] == "success"
    before = len(github.calls)

    later(stage, 120)

    asked = github.calls[before:]
    assert len(asked) >= 4
    assert {status for _, _, status in asked} == {304}
    assert github.pulls[number]["state"] == "open"


def test_merged_completes_and_closed_fails(stage: Stage, github: FakeGitHub):
    first, second = opened(stage, github), opened(stage, github)
    github.close(shown(stage, first)["prNumber"], merged=True)
    github.close(shown(stage, second)["prNumber"])

    later(stage)

    assert (shown(stage, first)["state"], shown(stage, first)["prState"]) == ("completed", "merged")
    task = shown(stage, second)
    assert (task["state"], task["prState"]) == ("failed", "closed")
    assert "closed without a merge" in task["errorMessage"]


@pytest.mark.parametrize("trouble", ["checks", "status", "review", "conflict"])
def test_trouble_needs_attention_and_is_right_again_when_it_is_over(
    stage: Stage, github: FakeGitHub, trouble: str
):
    run = opened(stage, github)
    number = shown(stage, run)["prNumber"]
    if trouble == "checks":
        github.check("a" * 40, "failure")
    elif trouble == "status":
        github.status("a" * 40, "error")
    elif trouble == "review":
        github.review(number, "CHANGES_REQUESTED", "no")
    else:
        github.mergeable[number] = False
    later(stage)
    assert shown(stage, run)["state"] == "needs_attention"

    github.check("a" * 40, "success")
    github.status("a" * 40, "success")
    github.review(number, "APPROVED")
    github.mergeable[number] = True
    later(stage, 120)

    assert shown(stage, run)["state"] == "pr_opened"
    github.close(number, merged=True)
    later(stage, 120)
    assert shown(stage, run)["state"] == "completed"


def test_needs_attention_is_followed_to_its_end(stage: Stage, github: FakeGitHub):
    run = opened(stage, github)
    github.check("a" * 40, "failure")
    later(stage)

    github.close(shown(stage, run)["prNumber"], merged=True)
    later(stage)

    assert shown(stage, run)["state"] == "completed"


def test_failing_checks_go_back_to_the_agent_with_what_they_say(stage: Stage, github: FakeGitHub):
    change_repo(stage, autoResume=True, maxAutoResumes=1)
    run = opened(stage, github)
    number = shown(stage, run)["prNumber"]
    github.check("a" * 40, "failure", said="test_login: assert 1 == 2")

    later(stage)
    job = pushed(stage, github, "d" * 40)
    stage.settle()

    assert "test_login: assert 1 == 2" in job["prompt"]
    assert job["repo"]["continueBranch"]
    task = shown(stage, run)
    assert (task["state"], task["prNumber"], task["attempt"]) == ("pr_opened", number, 2)
    assert len(github.pulls) == 1
    github.check("d" * 40, "failure")
    later(stage)
    task = shown(stage, run)
    assert task["state"] == "needs_attention"
    assert "after 1 automatic resume" in task["errorMessage"]


def test_a_pull_request_says_what_was_done_last_and_keeps_what_people_wrote(
    stage: Stage, github: FakeGitHub
):
    github.files[".github/pull_request_template.md"] = "- [ ] tests"
    change_repo(stage, autoResume=True)
    run = opened(stage, github)
    pull = github.pulls[shown(stage, run)["prNumber"]]
    pull["body"] = pull["body"].replace("- [ ] tests", "- [x] tests") + "\nSeen. Ann"
    github.check("a" * 40, "failure")
    later(stage)

    pushed(stage, github, "d" * 40, resultSummary="Mended.")
    stage.settle()

    for part in ("- [x] tests", "Seen. Ann", "> Bump it", "> Mended.", "$0.50", run):
        assert part in pull["body"], part
    assert "Bumped." not in pull["body"]
    pull["body"] = "People want it short."
    github.check("d" * 40, "failure")
    later(stage)
    pushed(stage, github, "e" * 40)
    stage.settle()
    assert pull["body"] == "People want it short."
    assert shown(stage, run)["state"] == "pr_opened"


def test_one_objection_is_given_back_once(stage: Stage, github: FakeGitHub):
    change_repo(stage, autoResume=True)
    run = opened(stage, github)
    github.review(shown(stage, run)["prNumber"], "CHANGES_REQUESTED", "Use a constant.")
    later(stage)
    assert "Use a constant." in pushed(stage, github, "d" * 40)["prompt"]

    later(stage, 300)

    assert shown(stage, run)["state"] == "pr_opened"
    assert runner(stage, "claim", {"runner": "r1"})[0] == 204


def test_green_is_merged_by_itself_only_where_the_repo_says_so(stage: Stage, github: FakeGitHub):
    run = opened(stage, github)
    number = shown(stage, run)["prNumber"]
    github.check("a" * 40, "success")
    later(stage, 120)
    assert github.pulls[number]["state"] == "open"

    change_repo(stage, autoMerge=True)
    later(stage, 120)

    task = shown(stage, run)
    assert (task["state"], task["prState"]) == ("completed", "merged")
    assert github.pulls[number]["merged"]
    assert task["branch"] not in github.heads


def test_nothing_is_merged_before_checks_had_time_to_register(stage: Stage, github: FakeGitHub):
    change_repo(stage, autoMerge=True)
    run = opened(stage, github)
    later(stage, 240)
    assert shown(stage, run)["state"] == "pr_opened"

    later(stage, 120)

    assert shown(stage, run)["prState"] == "merged"


@pytest.mark.parametrize("part", ["/check-runs", "/status", "/reviews"])
def test_what_cannot_be_read_is_unknown_and_merges_nothing(
    stage: Stage, github: FakeGitHub, part: str
):
    change_repo(stage, autoMerge=True)
    run = opened(stage, github)
    github.check("a" * 40, "success")
    github.fail("GET", part, 403, message="Resource not accessible", times=100)

    later(stage, 600)

    task = shown(stage, run)
    assert task["state"] == "pr_opened"
    assert "unknown" in (task["prChecksStatus"], task["prReviewStatus"])
    assert "Resource not accessible" in task["waitingFor"]


def delivery(stage: Stage, event: str, body: dict[str, Any], secret: str = SIGNED_WITH) -> Any:
    raw = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    signed = {"X-Hub-Signature-256": f"sha256={signature}", "X-GitHub-Event": event}
    return stage.call("POST", "/api/webhooks/github", raw, token="", **signed)


def test_a_signed_delivery_is_looked_into_at_once(stage: Stage, github: FakeGitHub):
    run = opened(stage, github)
    task = shown(stage, run)
    github.close(task["prNumber"])
    body = {
        "repository": {"html_url": github.repo_url},
        "pull_request": {"head": {"ref": task["branch"]}},
    }

    assert delivery(stage, "pull_request", body, "another secret")[0] == 401
    stage.settle()
    assert shown(stage, run)["state"] == "pr_opened"
    assert delivery(stage, "pull_request", body) == (
        202,
        {"event": "pull_request", "looking": [run]},
    )
    stage.settle()
    assert shown(stage, run)["state"] == "failed"

    github.reopen(task["prNumber"])
    later(stage, 11)  # else it waits for the rest of the ten seconds in which one look is enough
    delivery(stage, "pull_request", body)
    stage.settle()
    assert shown(stage, run)["state"] == "pr_opened"


def test_a_hook_without_a_secret_of_ours_is_refused(stage: Stage, github: FakeGitHub):
    stage.ok("DELETE", f"/api/secrets/{WEBHOOK_SECRET_NAMES['github']}")

    status, answer = delivery(stage, "push", {})

    assert status == 401
    assert WEBHOOK_SECRET_NAMES["github"] in answer["error"]
