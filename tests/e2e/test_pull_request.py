"""From a labelled issue to a merged pull request: the deployed package, real git, our GitHub."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from tests.e2e.conftest import System, git, until
from tests.fakes.github import TOKEN, FakeGitHub
from tests.support.local_github import github as github

pytestmark = pytest.mark.slow


HOOK_SECRET = "a secret of the hook"
AGENT = """
set -e
asked="$(cat)"
test -z "${GITHUB_TOKEN:-}"
case "$asked" in
*"expected two lines"*) echo "second line" >> notes.txt ;;
*) echo "one line" > notes.txt ;;
esac
echo "done"
"""


def hint(system: System, github: FakeGitHub, event: str, **more: Any) -> list[str]:
    """Send a signed event of GitHub; return the runs that are due."""
    body = {"repository": {"html_url": github.repo_url}, **more}
    signature = hmac.new(HOOK_SECRET.encode(), json.dumps(body).encode(), hashlib.sha256)
    headers = {
        "X-Hub-Signature-256": f"sha256={signature.hexdigest()}",
        "X-GitHub-Event": event,
    }
    status, answer = system.send("POST", "/api/webhooks/github", body, headers=headers)
    assert status == 202, answer
    looking: list[str] = answer["looking"]
    return looking


def set_up(system: System, github: FakeGitHub) -> str:
    """Store the credential of GitHub, and wait for labelled issues; return the blueprint."""
    system.ok("PUT", "/api/secrets/GITHUB_TOKEN", {"value": TOKEN, "scope": github.repo_url})
    system.ok("PUT", "/api/secrets/GITHUB_WEBHOOK_SECRET", {"value": HOOK_SECRET})
    api = f"{github.url}/api/v3"
    repo = {"repoUrl": github.repo_url, "forgeApiUrl": api, "autoMerge": True, "autoResume": True}
    system.ok("POST", "/api/repos", repo)
    blueprint = {
        "type": "repo-blueprint",
        "name": "Write notes",
        "title": "{{ticketTitle}}",
        "prompt": "Mend {{ticketTitle}}",
        "repoUrl": "{{repo}}",
        "repoBranch": "main",
        "agentType": "command",
        "agentCommand": AGENT,
        "onOpenPr": "skip",
        "triggers": [{"type": "ticket", "config": {"source": "github", "labels": ["optio"]}}],
    }
    task = system.ok("POST", "/api/tasks", blueprint)["task"]["id"]
    config = {"baseUrl": api, "repo": github.slug, "doneState": "closed", "doneLabel": "done"}
    provider = {"source": "github", "config": config, "credential": TOKEN}
    made = system.ok("POST", "/api/tickets/providers", provider)["provider"]["id"]

    def synced() -> bool:
        known = system.ok("GET", "/api/tickets/providers")["providers"]
        (shown,) = (one for one in known if one["id"] == made)
        return shown["lastSyncedAt"] is not None and shown["lastError"] is None

    until(synced, 90, system.story)
    return str(task)


def test_a_labelled_issue_is_mended_until_its_checks_pass_and_closed_by_the_merge(
    system: System, github: FakeGitHub
):
    task = set_up(system, github)
    number = github.issue("Notes are missing", ["Optio "])
    issue = github.book.items[number]
    hint(system, github, "issues", action="labeled")

    def runs() -> Any:
        return system.ok("GET", f"/api/tasks/{task}/runs")["runs"]

    (fired,) = until(runs, 90, system.story)
    run = fired["id"]
    assert fired["repoUrl"] == github.repo_url

    def reached(*states: str, **facts: object) -> Any:
        now = system.ok("GET", f"/api/tasks/{run}")["task"]
        assert now["state"] != "failed", now
        assert len(issue.ours) <= 1
        there = now["state"] in states and all(now[key] == facts[key] for key in facts)
        return now if there else None

    first = until(lambda: reached("pr_opened"), 90, system.story)
    ((pull_number, pull),) = github.pulls.items()
    assert pull["title"] == "Notes are missing"
    assert f"Closes #{number}" in pull["body"]
    until(lambda: issue.ours and f"/pull/{pull_number}" in issue.ours[0].text, 60, system.story)
    suite = {"check_suite": {"head_branch": first["branch"]}}
    github.check(first["headSha"], "failure", said="expected two lines in notes.txt")
    assert hint(system, github, "check_suite", **suite) == [run]

    second = until(lambda: reached("pr_opened", attempt=2), 120, system.story)
    assert (second["prNumber"], len(github.pulls)) == (pull_number, 1)
    assert second["headSha"] != first["headSha"]
    github.check(second["headSha"], "success")
    assert hint(system, github, "check_suite", **suite) == [run]

    end = until(lambda: reached("completed"), 120, system.story)
    assert end["prState"] == "merged"
    bare = github.git_root
    assert bare is not None
    assert git(bare / "acme" / "web", "show", "main:notes.txt") == "one line\nsecond line"
    assert github.head(end["branch"]) is None
    states = [one["toState"] for one in system.ok("GET", f"/api/tasks/{run}/events")["events"]]
    assert states == [
        *("queued", "provisioning", "running", "pr_opened"),
        *("queued", "provisioning", "running", "pr_opened", "completed"),
    ]
    until(lambda: issue.ours and "was merged" in issue.ours[0].text, 60, system.story)
    until(lambda: issue.labels == ["Optio ", "done"], 30, system.story)
    assert not issue.open
    (said,) = issue.ours
    assert said.edits >= 2
    assert len(runs()) == 1
