"""A runner reports whether its jobs have a sandbox: on the run, its page, and to the doctor."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser, browser
from tests.support.cli import Terminal
from tests.support.cli_findings import findings, terminal
from tests.support.runner_calls import runner

__all__ = ["browser", "terminal"]

REASON = "bwrap: No permissions to create a new namespace"


def claimed(stage: Stage, capabilities: dict[str, Any] | None) -> str:
    """Return a run whose attempt was claimed by a runner that reports this."""
    body = {"type": "repo-task", "title": "X", "prompt": "x", "repoUrl": "a/b"}
    run: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.settle()
    asked = {"runner": "r1", "capabilities": capabilities}
    status, answer = runner(stage, "claim", asked)
    assert status == 200, answer
    return run


@pytest.mark.parametrize(
    "told, on_page, verdict",
    [
        ({"sandbox": True}, "yes", "ok"),
        ({"sandbox": False, "reason": REASON}, "none", "warn"),
        (None, None, None),
    ],
)
def test_a_run_its_page_and_the_doctor_say_whether_there_was_a_sandbox(
    browser: Browser,
    terminal: Terminal,
    told: dict[str, Any] | None,
    on_page: str | None,
    verdict: str | None,
):
    stage = browser.stage
    run = claimed(stage, told)

    (attempt,) = stage.ok("GET", f"/api/tasks/{run}")["task"]["attempts"]
    page = browser.get(f"/tasks/{run}").text
    found = findings(terminal).get("sandbox", (None, ""))

    assert attempt["capabilities"] == (told and {"reason": None, **told})
    assert ("<dt>Sandbox</dt>" in page) == (told is not None)
    if on_page:
        assert re.search(rf"<dt>Sandbox</dt>\s*<dd>\s*{on_page}", page)
    assert (REASON in page) == (verdict == "warn")
    assert found[0] == verdict
    assert (REASON in found[1]) == (verdict == "warn")


def test_a_claim_that_does_not_say_it_clearly_is_refused_by_its_field(stage: Stage):
    status, answer = runner(stage, "claim", {"runner": "r1", "capabilities": {"sandbox": "yes"}})
    assert status == 400
    assert answer["details"][0]["field"] == "capabilities.sandbox"


def test_the_author_of_a_repos_commits_reaches_its_jobs(stage: Stage):
    person = {"commitAuthorName": "Jo the Bot", "commitAuthorEmail": "jo@example.com"}
    stage.ok("POST", "/api/repos", {"repoUrl": "a/b", **person})
    body = {"type": "repo-task", "title": "X", "prompt": "x", "repoUrl": "a/b"}
    stage.ok("POST", "/api/tasks", body)
    stage.settle()

    job = runner(stage, "claim", {"runner": "r1"})[1]["job"]

    assert job["repo"]["identity"] == {"name": "Jo the Bot", "email": "jo@example.com"}


@pytest.mark.parametrize(
    "field, value",
    [
        *(("commitAuthorName", name) for name in ("", "a\nb", "<a>", "...", "x" * 201)),
        *(("commitAuthorEmail", address) for address in ("", "a b", "<a@b>", "a\nb@c")),
    ],
)
def test_an_author_that_git_would_not_take_is_refused(stage: Stage, field: str, value: str):
    status, answer = stage.call("POST", "/api/repos", {"repoUrl": "a/b", field: value})
    assert status == 400
    assert answer["details"][0]["field"] == field
