"""The names of runs' branches, what of a setup is pushed, and work that a person has to look at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Stage
from tests.fakes.github import FakeGitHub
from tests.support.browser import Browser, browser
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
__all__ = ["browser", "github"]


def test_a_repo_names_the_prefix_of_its_branches(stage: Stage, github: FakeGitHub):
    change_repo(stage, branchPrefix="bots/nightly-")
    run = started(stage, github)

    job = pushed(stage, github)
    stage.settle()

    assert job["repo"]["pushBranch"] == f"bots/nightly-task-{run[:8]}"
    assert shown(stage, run)["branch"] == job["repo"]["pushBranch"]
    change_repo(stage, branchPrefix="other/", autoMerge=True)
    github.check("a" * 40, "success")
    github.review(shown(stage, run)["prNumber"], "APPROVED")
    later(stage, 600)
    assert shown(stage, run)["state"] == "completed"
    assert job["repo"]["pushBranch"] not in github.heads


def test_a_run_that_goes_on_keeps_its_branch(stage: Stage, github: FakeGitHub):
    run = opened(stage, github)
    change_repo(stage, branchPrefix="bots/")
    stage.ok("POST", f"/api/tasks/{run}/resume", {"prompt": "go on"})
    stage.settle()

    job = pushed(stage, github, "b" * 40)
    assert job["repo"]["pushBranch"] == f"optio/task-{run[:8]}"
    assert job["repo"]["continueBranch"] is True


@pytest.mark.parametrize(
    "prefix", ["", "/x", "-x", "a//b", "a b", "x.lock/", ".x/", "a/.b/", "x..", "x~", "a" * 101]
)
def test_a_prefix_that_git_would_refuse_is_refused(stage: Stage, prefix: str):
    body = {"repoUrl": "acme/web", "branchPrefix": prefix}
    status, answer = stage.call("POST", "/api/repos", body)

    assert status == 400
    assert answer["details"][0]["field"] == "branchPrefix"


@pytest.mark.parametrize("wanted", [True, False])
def test_the_runner_is_told_whether_setup_counts(stage: Stage, github: FakeGitHub, wanted: bool):
    change_repo(stage, includeSetupChanges=wanted)
    started(stage, github)

    assert pushed(stage, github)["repo"]["includeSetupChanges"] is wanted


def test_the_form_saves_both(browser: Browser):
    assert browser.post("/repos", repoUrl="acme/web").status == 303
    (repo,) = browser.stage.ok("GET", "/api/repos")["repos"]
    assert (repo["branchPrefix"], repo["includeSetupChanges"]) == (None, False)

    browser.post("/repos", id=repo["id"], branchPrefix="bots/", includeSetupChanges="true")

    (repo,) = browser.stage.ok("GET", "/api/repos")["repos"]
    assert (repo["branchPrefix"], repo["includeSetupChanges"]) == ("bots/", True)
    assert 'value="bots/"' in browser.get(f"/repos?edit={repo['id']}").text


def failed(stage: Stage, run: str, error_class: str, message: str) -> dict[str, Any]:
    status, answer = runner(stage, "claim", {"runner": "r1"})
    assert status == 200
    end = {
        "runId": run,
        "attempt": answer["job"]["attempt"],
        "outcome": "failed",
        "errorClass": error_class,
        "errorMessage": message,
    }
    assert runner(stage, "report", end)[0] == 200
    stage.settle()
    return shown(stage, run)


@pytest.mark.parametrize(
    "error_class, state",
    [("attention", "needs_attention"), ("unfinished", "failed"), ("secret", "failed")],
)
def test_work_that_may_not_be_pushed_waits_for_a_person_or_fails(
    stage: Stage, github: FakeGitHub, error_class: str, state: str
):
    run = started(stage, github, maxRetries=3)

    task = failed(stage, run, error_class, "the agent worked inside the submodule lib")

    assert (task["state"], task["errorClass"]) == (state, error_class)
    assert task["errorMessage"] == "the agent worked inside the submodule lib"


def test_a_conflict_is_given_back_with_the_name_of_the_base(stage: Stage, github: FakeGitHub):
    change_repo(stage, autoResume=True)
    run = opened(stage, github)
    github.mergeable[shown(stage, run)["prNumber"]] = False
    later(stage)
    stage.settle()

    _, answer = runner(stage, "claim", {"runner": "r1"})

    assert "run `git merge origin/main`" in answer["job"]["prompt"]
    assert answer["job"]["repo"]["continueBranch"] is True
