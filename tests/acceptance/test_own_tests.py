"""The repo's own tests judge an agent's work, with consequences."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Stage
from tests.fakes.github import FakeGitHub
from tests.support.pull_request_stage import (
    change_repo,
    github,
    later,
    opened,
    pushed,
    runner,
    shown,
    started,
)

pytestmark = pytest.mark.usefixtures("loopback")

__all__ = ["github"]

FAILED = {"passed": False, "exitStatus": 3, "lastLines": "2 of 7 tests failed\n@ann see #9"}
PASSED = {"passed": True, "exitStatus": 0, "lastLines": "7 passed"}


def worked(stage: Stage, github: FakeGitHub) -> tuple[str, dict[str, Any]]:
    """Let a run push work that fails its tests; return it and its pull request."""
    run = started(stage, github)
    pushed(stage, github, tests=FAILED)
    stage.settle()
    return run, github.pulls[shown(stage, run)["prNumber"]]


def test_the_command_reaches_the_runner_and_its_result_the_run(stage: Stage, github: FakeGitHub):
    change_repo(stage, testCommand="npm test")
    run = started(stage, github)

    job = pushed(stage, github, tests=PASSED)
    stage.settle()

    assert job["repo"]["testCommand"] == "npm test"
    task = shown(stage, run)
    assert task["tests"] == PASSED
    pull = github.pulls[task["prNumber"]]
    assert f"Tests of {'a' * 12}: passed" in pull["body"]
    assert pull["draft"] is False


def test_work_that_fails_is_a_draft_that_says_why_and_waits_for_a_person(
    stage: Stage, github: FakeGitHub
):
    run, pull = worked(stage, github)

    assert pull["draft"] is True
    assert "### Tests failed (exit status 3)" in pull["body"]
    assert "> 2 of 7 tests failed" in pull["body"]
    assert "#9" not in pull["body"]
    assert "@ann" not in pull["body"]
    later(stage)
    task = shown(stage, run)
    assert (task["state"], task["errorMessage"]) == ("needs_attention", "its tests fail")


def test_it_is_never_merged_by_itself_though_a_person_makes_it_ready(
    stage: Stage, github: FakeGitHub
):
    change_repo(stage, autoMerge=True)
    run, pull = worked(stage, github)
    github.check("a" * 40, "success")
    pull["draft"] = False

    later(stage, 1200)

    assert (shown(stage, run)["state"], pull["merged"]) == ("needs_attention", False)


def test_a_commit_of_somebody_else_is_judged_by_its_checks(stage: Stage, github: FakeGitHub):
    run, pull = worked(stage, github)
    later(stage)
    github.push(pull["head"], "b" * 40)
    github.check("b" * 40, "success")

    later(stage, 120)

    assert shown(stage, run)["state"] == "pr_opened"


def test_with_auto_resume_the_agent_is_told_and_the_draft_ends_when_the_tests_pass(
    stage: Stage, github: FakeGitHub
):
    change_repo(stage, autoResume=True, autoMerge=True)
    run, pull = worked(stage, github)
    later(stage)
    assert shown(stage, run)["state"] in ("queued", "provisioning")

    job = pushed(stage, github, "b" * 40, tests=PASSED)
    stage.settle()

    assert "its tests fail" in job["prompt"]
    assert "2 of 7 tests failed" in job["prompt"]
    assert job["repo"]["continueBranch"] is True
    assert pull["draft"] is False
    assert shown(stage, run)["tests"] == PASSED
    github.check("b" * 40, "success")
    later(stage, 120)
    assert (shown(stage, run)["state"], pull["merged"]) == ("completed", True)


def test_automatic_resumes_for_failing_tests_end_with_their_number(
    stage: Stage, github: FakeGitHub
):
    change_repo(stage, autoResume=True, maxAutoResumes=2)
    run, _ = worked(stage, github)
    for sha in ("b", "c"):
        later(stage)
        pushed(stage, github, sha * 40, tests=FAILED)
        stage.settle()

    later(stage, 180)

    task = shown(stage, run)
    assert task["state"] == "needs_attention"
    assert task["errorMessage"] == "its tests fail, after 2 automatic resumes"


def test_a_draft_of_the_definition_stays_one_though_the_tests_pass(
    stage: Stage, github: FakeGitHub
):
    change_repo(stage, autoResume=True)
    run = started(stage, github, draft=True)
    pushed(stage, github, tests=FAILED)
    stage.settle()
    later(stage)

    pushed(stage, github, "b" * 40, tests=PASSED)
    stage.settle()

    assert github.pulls[shown(stage, run)["prNumber"]]["draft"] is True


def test_a_draft_of_a_person_stays_one(stage: Stage, github: FakeGitHub):
    run = opened(stage, github)
    pull = github.pulls[shown(stage, run)["prNumber"]]
    pull["draft"] = True
    later(stage)
    stage.ok("POST", f"/api/tasks/{run}/resume", {"prompt": "More."})
    stage.settle()

    pushed(stage, github, "b" * 40, tests=PASSED)
    stage.settle()

    assert pull["draft"] is True


def test_a_repo_that_may_have_no_drafts_gets_a_pull_request_all_the_same(
    stage: Stage, github: FakeGitHub
):
    github.fail("POST", "/pulls", 422, message="Draft pull requests are not supported")

    run, pull = worked(stage, github)

    later(stage)
    assert (pull["draft"], shown(stage, run)["state"]) == (False, "needs_attention")


@pytest.fixture
def elsewhere(stage: Stage) -> str:
    body = {
        "name": "t",
        "prompt": "Go.",
        "repoUrl": "https://git.example.com/acme/web",
        "agentType": "command",
        "agentCommand": "true",
    }
    run: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.settle()
    return run


def test_without_a_forge_a_person_is_told(stage: Stage, elsewhere: str):
    job = runner(stage, "claim", {"runner": "r1"})[1]["job"]
    end = {"runId": elsewhere, "attempt": job["attempt"], "outcome": "succeeded"}

    work = {"branch": f"optio/task-{elsewhere[:8]}", "headSha": "a" * 40}
    assert runner(stage, "report", {**end, **work, "tests": FAILED})[0] == 200

    task = shown(stage, elsewhere)
    assert task["state"] == "needs_attention"
    assert task["errorMessage"] == f"pushed {work['branch']}, but its tests failed (exit status 3)"
    stage.ok("POST", f"/api/tasks/{elsewhere}/resume", {"prompt": "Mend the tests."})
