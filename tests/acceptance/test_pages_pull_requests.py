"""The forms of pull requests and of a repo's runner."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.browser import Browser, browser, task

__all__ = ["browser"]
NAMES = ("onOpenPr", "maxOpenPrs", "skipIfUnchanged", "draft", "partialWork", "prLabels")
TYPED = {
    "onOpenPr": "update",
    "maxOpenPrs": "2",
    "skipIfUnchanged": "true",
    "draft": "true",
    "partialWork": "draft",
    "prLabels": "bot, good first issue",
}
KEPT = ["update", 2, True, True, "draft", ["bot", "good first issue"]]
USUAL = ["allow", None, False, False, "branch", []]
NEW = {"name": "Bump", "prompt": "Bump it", "repoUrl": "acme/web"}


def policies(thing: dict[str, Any]) -> list[Any]:
    return [thing[name] for name in NAMES]


def test_a_new_task_says_what_becomes_of_its_pull_requests(browser: Browser):
    answer = browser.post("/tasks/new", **NEW, **TYPED, mode="schedule", trigger="none")
    assert answer.status == 303, answer.text
    (made,) = browser.stage.ok("GET", "/api/tasks?type=repo-blueprint")["tasks"]
    assert policies(browser.stage.ok("GET", f"/api/tasks/{made['id']}")["task"]) == KEPT


def test_what_is_kept_of_pull_requests_is_shown_saved_again_and_taken_back(browser: Browser):
    more = dict(zip(NAMES, KEPT, strict=True))
    made = browser.stage.ok("POST", "/api/tasks", task(**more))["task"]["id"]
    where = f"/tasks/scheduled/{made}/edit"
    page = browser.get(where).text
    assert '<option value="update" selected>' in page
    assert 'value="bot, good first issue"' in page
    assert page.count('<option value="true" selected>') == 2

    assert browser.post(where, **NEW, **TYPED).status == 303
    assert policies(browser.stage.ok("GET", f"/api/tasks/{made}")["task"]) == KEPT
    assert browser.post(where, **NEW).status == 303
    assert policies(browser.stage.ok("GET", f"/api/tasks/{made}")["task"]) == USUAL
    refused = browser.post(where, **NEW, maxOpenPrs="0", onOpenPr="perhaps")
    assert refused.status == 400
    assert "Max open PRs</a>" in refused.text


def test_a_task_without_a_repo_is_asked_nothing_of_pull_requests(browser: Browser):
    made = browser.stage.ok(
        "POST", "/api/tasks", {"type": "standalone", "name": "Report", "prompt": "Write"}
    )["task"]["id"]
    where = f"/tasks/scheduled/{made}/edit"
    assert "onOpenPr" not in browser.get(where).text
    assert browser.post(where, name="Report", prompt="Write it").status == 303


@pytest.mark.parametrize(
    "typed, kept",
    [
        pytest.param({"autoMerge": "true"}, {"autoMerge": True, "autoResume": False}, id="merges"),
        pytest.param(
            {"autoResume": "true", "maxAutoResumes": "3"},
            {"autoResume": True, "maxAutoResumes": 3, "autoMerge": False},
            id="goes on",
        ),
        pytest.param(
            {"runner": "codebuild", "image": "acme/build:1", "computeType": "BUILD_GENERAL1_LARGE"},
            {"runner": "codebuild", "image": "acme/build:1", "computeType": "BUILD_GENERAL1_LARGE"},
            id="where it runs",
        ),
        pytest.param(
            {"forgeApiUrl": "https://github.example.com/api/v3"},
            {"forgeApiUrl": "https://github.example.com/api/v3"},
            id="an enterprise",
        ),
        pytest.param(
            {"trustedBots": "coderabbitai[bot] acme_ci"},
            {"trustedBots": ["coderabbitai[bot]", "acme_ci"]},
            id="bots whose reviews count",
        ),
        pytest.param(
            {"commitAuthorName": "Jo the Bot", "commitAuthorEmail": "jo@example.com"},
            {"commitAuthorName": "Jo the Bot", "commitAuthorEmail": "jo@example.com"},
            id="author of commits",
        ),
    ],
)
def test_a_repo_says_what_its_runs_share(
    browser: Browser, typed: dict[str, str], kept: dict[str, Any]
):
    assert browser.post("/repos", repoUrl="acme/web").status == 303
    (before,) = browser.stage.ok("GET", "/api/repos")["repos"]
    saved = browser.post("/repos", id=before["id"], **typed)
    assert saved.status == 303, saved.text
    (repo,) = browser.stage.ok("GET", "/api/repos")["repos"]
    assert {name: repo[name] for name in kept} == kept
    page = browser.get(f"/repos?edit={repo['id']}").text
    for text in typed.values():
        assert f'value="{text}"' in page
    assert browser.post("/repos", id=repo["id"]).status == 303
    (after,) = browser.stage.ok("GET", "/api/repos")["repos"]
    assert after == {
        **before,
        "updatedAt": after["updatedAt"],
        "maxAutoResumes": repo["maxAutoResumes"],
    }


@pytest.mark.parametrize("name", ["a bot", "bot[app]", "", "-x", "x" * 101, "[bot]"])
def test_a_bot_is_named_by_its_login(browser: Browser, name: str):
    body = {"repoUrl": "acme/web", "trustedBots": ["dependabot[bot]", name]}
    status, answer = browser.stage.call("POST", "/api/repos", body)

    assert status == 400
    assert answer["details"][0]["field"].startswith("trustedBots")
