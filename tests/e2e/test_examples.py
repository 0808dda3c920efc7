"""The examples, typed as on their pages, on the local stack."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import System, git, until
from tests.fakes.github import TOKEN, FakeGitHub
from tests.fakes.trackers import FAKES, serving
from tests.support import documents
from tests.support.local_github import github

pytestmark = pytest.mark.slow

__all__ = ["github"]

FOLDER = documents.ROOT / "examples"
OVER = ("completed", "pr_opened", "failed", "cancelled", "needs_attention")


class Reader:
    """A user who read the first page of the examples, and has a copy of them."""

    def __init__(self, system: System, tmp: Path) -> None:
        self.system = system
        self.home = tmp / "home"
        self.home.mkdir()
        self.folder = tmp / "examples"
        shutil.copytree(FOLDER, self.folder, ignore=shutil.ignore_patterns(".sample-repo"))
        self.types(FOLDER / "README.md", documents.ROOT)

    def types(self, page: Path, folder: Path, instead: dict[str, str] | None = None) -> str:
        card = self.system.card
        here = {
            "http://127.0.0.1:8000": card["url"],
            ".optio/": f"{self.system.state}/",
            ".venv/bin/": f"{documents.ROOT}/.venv/bin/",
            **(instead or {}),
        }
        done = documents.typed(documents.script(page), folder, self.home, here, GITHUB_TOKEN=TOKEN)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def follows(self, example: str, **more: Any) -> str:
        return self.types(FOLDER / example / "README.md", self.folder / example, **more)

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Return the runs of a blueprint once each is over."""

        def over() -> list[dict[str, Any]]:
            found = self.now(name)
            return found if all(run["state"] in OVER for run in found) else []

        return until(over, 120, self.system.story)

    def now(self, name: str) -> list[dict[str, Any]]:
        """Return the current runs of a blueprint."""
        kinds = ("repo-blueprint", "standalone")
        lists = [self.system.ok("GET", f"/api/tasks?type={kind}") for kind in kinds]
        (task,) = [one for found in lists for one in found["tasks"] if one["name"] == name]
        found: list[dict[str, Any]] = self.system.ok("GET", f"/api/tasks/{task['id']}/runs")["runs"]
        return found

    def on(self, branch: str, file: str) -> str:
        return git(self.folder / ".sample-repo", "show", f"{branch}:{file}")


@pytest.fixture
def reader(system: System, tmp_path: Path) -> Reader:
    return Reader(system, tmp_path)


def test_the_daily_patch_leaves_a_vulnerable_version_behind(reader: Reader):
    said = reader.follows("daily-cve-patch")
    assert "CVE-2018-18074" in said
    assert "nothing to do" in said
    (run,) = reader.runs("Daily CVE patch")
    assert run["state"] == "completed"
    assert reader.on(run["branch"], "requirements.txt") == "requests==2.20.0"


def test_the_weekly_bump_reads_its_prompt_from_the_library(reader: Reader):
    said = reader.follows("weekly-bump")
    assert "+ template bump" in said
    assert "- celery" in said
    (run,) = reader.runs("Weekly dependency bump")
    assert run["title"] == "Bump Python dependencies"
    assert reader.on(run["branch"], "requirements.txt") == "requests==2.34.2"


def test_an_error_in_sentry_becomes_a_fix_once(reader: Reader):
    said = reader.follows("sentry-fix")
    assert "It was raised in shop.price_each, file shop.py." in said
    (run,) = reader.runs("Fix a Sentry error")
    assert run["title"] == "Fix ZeroDivisionError: float division by zero (SHOP-7)"
    assert "if number else" in reader.on(run["branch"], "shop.py")
    event = json.loads((FOLDER / "sentry-fix" / "event.json").read_text())
    status, _ = reader.system.send("POST", "/api/hooks/sentry-errors", event)
    assert status == 401


def test_a_nightly_report_needs_no_repo(reader: Reader):
    said = reader.follows("nightly-report")
    assert "I was to read https://status.example.com/api" in said
    (run,) = reader.runs("Nightly report")
    assert "All quiet. (tone: dry)" in run["resultSummary"]


@pytest.fixture
def issues() -> Iterator[Any]:
    with serving(FAKES["github"](lambda: datetime.now(UTC))) as fake:
        yield fake


def test_a_label_becomes_a_pull_request(
    reader: Reader, github: FakeGitHub, issues: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tests.fakes.github_issues.CREDENTIAL", TOKEN)
    forge = {"repoUrl": github.repo_url, "forgeApiUrl": f"{github.url}/api/v3"}
    reader.system.ok("POST", "/api/repos", forge)
    here = {"https://github.com/acme/web": github.repo_url, "https://api.github.com": issues.url}
    reader.follows("ticket-to-pr", instead=here)
    time.sleep(1.1)  # GitHub tells times by the second: what is as old as the trigger is backlog
    issues.add("agent")

    def opened() -> Any:
        reader.system.ok("POST", "/api/tickets/sync")
        return [run for run in reader.now("Ticket to pull request") if run["prUrl"]]

    (run,) = until(opened, 60, lambda: str(reader.system.ok("GET", "/api/tickets/providers")))
    assert run["title"] == "Ticket 1"
    (pull,) = github.pulls.values()
    assert (pull["title"], pull["labels"]) == ("Ticket 1", ["agent"])
    assert "Do what this ticket asks for: Ticket 1" in git(
        github.git_root / "acme" / "web",  # type: ignore[operator]
        "show",
        f"{run['branch']}:asked.md",
    )
