"""From a delivery to a merged pull request: the deployed package, real git, and our GitHub."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import System, git, until
from tests.fakes.github import TOKEN, FakeGitHub

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


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    work, root = tmp_path / "work", tmp_path / "served"
    work.mkdir()
    (root / "acme").mkdir(parents=True)
    (work / "readme.md").write_text("web\n")
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", "--all")
    me = ("-c", "user.name=Me", "-c", "user.email=me@localhost")
    git(work, *me, "commit", "--quiet", "--message", "Begin")
    bare = root / "acme" / "web"
    git(work, "clone", "--quiet", "--bare", ".", str(bare))
    git(bare, "config", "http.receivepack", "true")
    with FakeGitHub(git_root=root) as fake:
        yield fake


def hint(system: System, github: FakeGitHub, event: str, branch: str) -> None:
    """Let GitHub say, signed, that something happened to a branch."""
    body = {"repository": {"html_url": github.repo_url}, "check_suite": {"head_branch": branch}}
    signature = hmac.new(HOOK_SECRET.encode(), json.dumps(body).encode(), hashlib.sha256)
    headers = {
        "X-Hub-Signature-256": f"sha256={signature.hexdigest()}",
        "X-GitHub-Event": event,
    }
    status, answer = system.send("POST", "/api/webhooks/github", body, headers=headers)
    assert (status, len(answer["looking"])) == (202, 1), answer


def test_a_task_is_resumed_when_its_checks_fail_and_merged_when_they_pass(
    system: System, github: FakeGitHub
):
    issue = github.issue("Notes are missing", ["optio"])
    system.ok("PUT", "/api/secrets/GITHUB_TOKEN", {"value": TOKEN, "scope": github.repo_url})
    system.ok("PUT", "/api/secrets/GITHUB_WEBHOOK_SECRET", {"value": HOOK_SECRET})
    repo = {
        "repoUrl": github.repo_url,
        "forgeApiUrl": f"{github.url}/api/v3",
        "autoMerge": True,
        "autoResume": True,
    }
    system.ok("POST", "/api/repos", repo)
    definition = {
        "type": "repo-blueprint",
        "name": "Write notes",
        "title": "{{ticketTitle}}",
        "prompt": "Mend {{ticketTitle}}",
        "repoUrl": github.repo_url,
        "repoBranch": "main",
        "agentType": "command",
        "agentCommand": AGENT,
        "onOpenPr": "skip",
    }
    task = system.ok("POST", "/api/tasks", definition)["task"]
    ticket = {
        "ticketSource": "github",
        "ticketExternalId": f"acme/web#{issue}",
        "ticketTitle": "Notes are missing",
        "number": issue,
        "repo": "acme/web",
    }
    run = system.ok("POST", f"/api/tasks/{task['id']}/runs", {"params": ticket})["runId"]

    def reached(*states: str, **facts: object) -> Any:
        now = system.ok("GET", f"/api/tasks/{run}")["task"]
        assert now["state"] != "failed", now
        there = now["state"] in states and all(now[key] == facts[key] for key in facts)
        return now if there else None

    first = until(lambda: reached("pr_opened"), 90, system.story)
    ((number, pull),) = github.pulls.items()
    assert pull["title"] == "Notes are missing"
    assert f"Closes #{issue}" in pull["body"]
    github.check(first["headSha"], "failure", said="expected two lines in notes.txt")
    hint(system, github, "check_suite", first["branch"])

    second = until(lambda: reached("pr_opened", attempt=2), 120, system.story)
    assert (second["prNumber"], len(github.pulls)) == (number, 1)
    assert second["headSha"] != first["headSha"]
    github.check(second["headSha"], "success")
    hint(system, github, "check_suite", first["branch"])

    end = until(lambda: reached("completed"), 120, system.story)
    assert end["prState"] == "merged"
    assert not github.book.items[issue].open
    bare = github.git_root
    assert bare is not None
    assert git(bare / "acme" / "web", "show", "main:notes.txt") == "one line\nsecond line"
    assert github.head(end["branch"]) is None
    states = [one["toState"] for one in system.ok("GET", f"/api/tasks/{run}/events")["events"]]
    assert states == [
        *("queued", "provisioning", "running", "pr_opened"),
        *("queued", "provisioning", "running", "pr_opened", "completed"),
    ]
