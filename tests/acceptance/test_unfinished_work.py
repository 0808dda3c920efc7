"""The work of an agent that reached a limit, if a blueprint wants a draft."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Stage
from tests.fakes.github import FakeGitHub
from tests.support.pull_request_stage import (
    change_repo,
    github,
    later,
    pushed,
    runner,
    shown,
    started,
)

pytestmark = pytest.mark.usefixtures("loopback")

__all__ = ["github"]

TURNS = {
    "outcome": "failed",
    "errorClass": "turn_limit",
    "errorMessage": "30 turns were not enough",
}
TIME = {"outcome": "failed", "errorClass": "timeout", "errorMessage": "timed out after 60 minutes"}


def stopped(
    stage: Stage, github: FakeGitHub, end: dict[str, Any] = TURNS, **more: object
) -> tuple[str, dict[str, Any]]:
    run = started(stage, github, **({"partialWork": "draft"} | more))
    pushed(stage, github, **end)
    stage.settle()
    return run, shown(stage, run)


@pytest.mark.parametrize("end", [TURNS, TIME], ids=["turns", "time"])
def test_it_is_a_draft_that_says_why_and_waits_for_a_person(
    stage: Stage, github: FakeGitHub, end: dict[str, Any]
):
    run, task = stopped(stage, github, end)

    assert (task["state"], task["errorClass"]) == ("needs_attention", end["errorClass"])
    assert task["errorMessage"] == end["errorMessage"]
    pull = github.pulls[task["prNumber"]]
    assert pull["draft"] is True
    assert f"### Unfinished\n\n> {end['errorMessage']}" in pull["body"]
    later(stage, 1200)
    assert shown(stage, run)["state"] == "needs_attention"


def test_it_stays_on_its_branch_where_nobody_wants_a_draft(stage: Stage, github: FakeGitHub):
    _, task = stopped(stage, github, partialWork="branch")

    assert (task["state"], task["prUrl"]) == ("failed", None)
    assert task["branch"]
    assert github.pulls == {}


def test_another_failure_opens_nothing(stage: Stage, github: FakeGitHub):
    _, task = stopped(stage, github, {**TURNS, "errorClass": "agent"})

    assert (task["state"], task["prUrl"]) == ("failed", None)


def test_it_is_never_merged_by_itself_though_a_person_makes_it_ready(
    stage: Stage, github: FakeGitHub
):
    change_repo(stage, autoMerge=True)
    run, task = stopped(stage, github)
    pull = github.pulls[task["prNumber"]]
    github.check("a" * 40, "success")
    pull["draft"] = False

    later(stage, 1200)

    assert (shown(stage, run)["state"], pull["merged"]) == ("needs_attention", False)


@pytest.mark.parametrize("by", ["autoResume", "a person"])
def test_the_draft_ends_when_the_agent_has_finished(stage: Stage, github: FakeGitHub, by: str):
    change_repo(stage, autoResume=by == "autoResume")
    run, task = stopped(stage, github)
    if by == "a person":
        stage.ok("POST", f"/api/tasks/{run}/resume", {"prompt": "Finish it."})
        stage.settle()
    later(stage)
    assert shown(stage, run)["state"] in ("queued", "provisioning")

    job = pushed(stage, github, "b" * 40)
    stage.settle()

    assert job["repo"]["continueBranch"] is True
    assert ("its work is unfinished" in job["prompt"]) == (by == "autoResume")
    task = shown(stage, run)
    assert (task["state"], task["errorClass"], task["errorMessage"]) == ("pr_opened", None, None)
    pull = github.pulls[task["prNumber"]]
    assert pull["draft"] is False
    assert "### Unfinished" not in pull["body"]


def test_a_forge_that_is_away_changes_nothing_of_what_is_said(stage: Stage, github: FakeGitHub):
    github.fail("POST", "/pulls", 502)
    run, task = stopped(stage, github)
    assert (task["state"], task["waitingFor"]) == ("running", "the forge")

    later(stage, 600)

    task = shown(stage, run)
    assert (task["state"], task["errorMessage"]) == ("needs_attention", TURNS["errorMessage"])
    assert "### Unfinished\n\n> 30 turns" in github.pulls[task["prNumber"]]["body"]


@pytest.mark.parametrize("word", ["later", "", None, True])
def test_other_words_are_refused(stage: Stage, word: object):
    body = {"type": "repo-blueprint", "name": "Bump", "prompt": "Bump", "repoUrl": "acme/web"}

    status, answer = stage.call("POST", "/api/tasks", {**body, "partialWork": word})

    assert status == 400
    assert [fault["field"] for fault in answer["details"]] == ["partialWork"]


def test_a_run_that_is_resumed_and_stops_again_keeps_its_draft(stage: Stage, github: FakeGitHub):
    run, task = stopped(stage, github)
    stage.ok("POST", f"/api/tasks/{run}/resume", {"prompt": "Finish it."})
    stage.settle()
    status, answer = runner(stage, "claim", {"runner": "r1"})
    assert status == 200
    job = answer["job"]
    assert job["repo"]["pushPartial"] is False

    end = {"runId": run, "attempt": job["attempt"], **TIME}
    assert runner(stage, "report", end)[0] == 200
    stage.settle()

    task = shown(stage, run)
    assert (task["state"], task["errorClass"]) == ("needs_attention", "timeout")
    assert github.pulls[task["prNumber"]]["draft"] is True


def test_work_that_is_also_kept_is_a_draft_too(stage: Stage, github: FakeGitHub):
    bundle = {"name": "work.bundle", "size": 6, "contentType": "application/x-git-bundle"}
    kept = {"files": [bundle], "baseSha": "c" * 40, "finished": True}

    _, task = stopped(stage, github, {**TIME, "keptWork": kept})

    assert (task["state"], task["resultSummary"]) == ("needs_attention", "Bumped.")
