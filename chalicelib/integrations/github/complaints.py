"""Complaints about a pull request of GitHub, in the words of checks and of its reviewers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.pull_requests.checks import CheckState, newest_checks
from chalicelib.domain.pull_requests.pull_request import Facts
from chalicelib.integrations.github.authority import RepoAuthority
from chalicelib.integrations.github.client import GitHubClient
from chalicelib.integrations.github.pull_requests import MAX_PAGES, PAGE_SIZE, check_run_of

MAX_COMPLAINT_LENGTH = 8000


class FailureDetails:
    """The complaints about one repo's pull requests. A stranger's comment does not count."""

    def __init__(self, client: GitHubClient, authority: RepoAuthority) -> None:
        self._ask, self._authority = client.send_request, authority

    def read_details(self, facts: Facts) -> str:
        """Return the complaints of checks and reviewers, for the agent that has to fix them."""
        parts = [*self._failed_checks(facts), *self._objections(facts)]
        return "\n\n".join(parts)[:MAX_COMPLAINT_LENGTH]

    def _failed_checks(self, facts: Facts) -> Iterator[str]:
        path = f"/commits/{facts.head_sha}"
        parameters = {"per_page": str(PAGE_SIZE)}
        runs = self._ask("GET", f"{path}/check-runs", parameters=parameters).data["check_runs"]
        by_id = {run["id"]: run for run in runs}
        for check in newest_checks(map(check_run_of, runs)):
            if check.overall_state is CheckState.FAILURE:
                output = _words_of(by_id[check.id])
                yield f"Check {check.name!r} ended with {check.conclusion}:\n{output}"
        for status in self._ask("GET", f"{path}/status").data["statuses"]:
            if status["state"] in ("failure", "error"):
                description = status.get("description") or status.get("target_url") or ""
                yield f"Status {status['context']!r} is {status['state']}: {description}"

    def _objections(self, facts: Facts) -> Iterator[str]:
        for kind in ("reviews", "comments"):
            for remark in self._pages(f"/pulls/{facts.number}/{kind}"):
                author = (remark.get("user") or {}).get("login") or ""
                objects = kind == "comments" or remark["state"] == "CHANGES_REQUESTED"
                if objects and remark.get("body") and self._authority.is_surely_trusted(author):
                    where = f" at {remark['path']}" if remark.get("path") else ""
                    yield f"{author} says{where}:\n{remark['body']}"

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield all of a list: those who flood it must not crowd out whose words count."""
        for page in range(1, MAX_PAGES + 1):
            parameters = {"per_page": str(PAGE_SIZE), "page": str(page)}
            rows = self._ask("GET", path, parameters=parameters, expects=list).data
            yield from rows
            if len(rows) < PAGE_SIZE:
                return


def _words_of(run: dict[str, Any]) -> str:
    output = run.get("output") or {}
    texts = [output.get("title"), output.get("summary"), output.get("text")]
    return "\n".join(str(text) for text in texts if text) or str(run.get("details_url") or "")
