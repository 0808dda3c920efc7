"""GitHub and GitHub Enterprise Server, through PyGithub: repos and their pull requests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from github import Auth, GithubIntegration

from chalicelib.domain.pull_requests.forge import (
    ForgeCredential,
    ForgeError,
    ForgeErrorKind,
    ForgeLocation,
)
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest
from chalicelib.integrations.github.authority import PermissionCache, RepoAuthority
from chalicelib.integrations.github.client import TIMEOUT_SECONDS, GitHubClient
from chalicelib.integrations.github.complaints import FailureDetails
from chalicelib.integrations.github.errors import TranslatedErrors
from chalicelib.integrations.github.merges import PullRequestMerger
from chalicelib.integrations.github.pull_requests import PullRequestReader, facts_of

TOKEN_RENEWAL_MARGIN = timedelta(minutes=5)
TEMPLATE_PATHS = (
    ".github/pull_request_template.md",
    ".github/PULL_REQUEST_TEMPLATE.md",
    "pull_request_template.md",
    "PULL_REQUEST_TEMPLATE.md",
    "docs/pull_request_template.md",
)
READY_MUTATION = """
mutation Ready($input: MarkPullRequestReadyForReviewInput!) {
  markPullRequestReadyForReview(input: $input) { pullRequest { isDraft } }
}"""


class GitHubForges:
    """Repos at GitHub; the tokens of an App are kept until shortly before they end."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._tokens: dict[tuple[str, str, str], tuple[str, datetime]] = {}
        self._permissions = PermissionCache(now)

    def open_forge(
        self, location: ForgeLocation, credential: ForgeCredential, bots: Sequence[str] = ()
    ) -> GitHubRepo:
        """Return an opened repo; comments of its named bots count like those of its people."""

        def token() -> str:
            return credential.token or self._installation_token(location, credential)

        return GitHubRepo(location, token, bots, self._permissions)

    def _installation_token(self, location: ForgeLocation, credential: ForgeCredential) -> str:
        """Return the token of the App's installation at this repo, a new one in time."""
        key = (location.api_url, location.slug, credential.app_id or "")
        cached = self._tokens.get(key)
        if cached and cached[1] - self._now() > TOKEN_RENEWAL_MARGIN:
            return cached[0]
        with TranslatedErrors(location):
            auth = Auth.AppAuth(credential.app_id or "", credential.app_key or "")
            app = GithubIntegration(
                auth=auth, base_url=location.api_url, timeout=TIMEOUT_SECONDS, retry=None
            )
            owner, name = location.slug.split("/")
            installation = app.get_repo_installation(owner, name)
            installation_token = app.get_access_token(installation.id)
            if not isinstance(installation_token.token, str):
                raise ValueError("the forge made no token for its App")
        self._tokens[key] = (
            installation_token.token,
            installation_token.expires_at.astimezone(UTC),
        )
        return installation_token.token


class GitHubRepo:
    """One repo at GitHub."""

    def __init__(
        self,
        location: ForgeLocation,
        token: Callable[[], str],
        bots: Sequence[str],
        permissions: PermissionCache,
    ) -> None:
        self._location = location
        self._token = token
        self._client = GitHubClient(location, token, f"/repos/{quote(location.slug)}")
        self._ask = self._client.send_request
        where = f"{location.api_url}/{location.slug}"
        self._authority = RepoAuthority(self._client, where, bots, permissions)

    def get_token(self) -> str:
        return self._token()

    def read_template(self) -> str | None:
        for path in TEMPLATE_PATHS:
            try:
                file = self._ask("GET", f"/contents/{path}").data
            except ForgeError as error:
                if error.kind == ForgeErrorKind.NOT_FOUND:
                    continue
                raise
            return base64.b64decode(file["content"]).decode("utf-8", "replace")
        return None

    def find_pull_request(self, branch: str, sha: str | None) -> Facts | None:
        """Return the branch's pull request: the open one, otherwise the one of this very commit."""
        ours, redirected = self._pulls_of(self._location.repo_owner, branch)
        if redirected and not ours:
            # A repo that was moved is found by its old name, its pull requests are not.
            owner = str(self._ask("GET", "").data["full_name"]).partition("/")[0]
            ours, _ = self._pulls_of(owner, branch)
        for pull_request in ours:
            if pull_request["state"] == "open":
                return facts_of(pull_request)
        return next(
            (facts_of(pull_request) for pull_request in ours if pull_request["head"]["sha"] == sha),
            None,
        )

    def _pulls_of(self, owner: str, branch: str) -> tuple[list[dict[str, Any]], bool]:
        parameters = {"head": f"{owner}:{branch}", "state": "all", "per_page": "30"}
        answer = self._ask("GET", "/pulls", parameters=parameters, expects=list)
        ours = [
            pull_request for pull_request in answer.data if pull_request["head"]["ref"] == branch
        ]
        return ours, answer.was_redirected

    def open_pull_request(
        self, *, branch: str, base: str, title: str, body: str, draft: bool
    ) -> Facts:
        request = {"head": branch, "base": base, "title": title, "body": body, "draft": draft}
        try:
            return facts_of(self._ask("POST", "/pulls", body=request).data)
        except ForgeError as error:
            if error.kind == ForgeErrorKind.INVALID and "already exists" in str(error).lower():
                existing = self.find_pull_request(branch, None)
                if existing:
                    return existing
            raise

    def mark_ready(self, number: int) -> None:
        """Take a pull request out of its draft, which only GraphQL can."""
        node = self._ask("GET", f"/pulls/{number}").data["node_id"]
        self._client.run_query(READY_MUTATION, {"input": {"pullRequestId": node}})

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        path = f"/issues/{number}/labels"
        self._ask("POST", path, body={"labels": list(labels)}, expects=list)

    def read_facts(self, number: int, before: PullRequest | None) -> Facts:
        """Return all that is known now; what did not change since `before` costs no quota."""
        return PullRequestReader(self._client, self._authority).read_facts(number, before)

    def read_body(self, number: int) -> str:
        """Return the facts of a pull request."""
        return self._ask("GET", f"/pulls/{number}").data.get("body") or ""

    def rewrite_body(self, number: int, body: str) -> None:
        self._ask("PATCH", f"/pulls/{number}", body={"body": body})

    def read_failure_details(self, facts: Facts) -> str:
        """Return the complaints of checks, and of reviewers who count."""
        return FailureDetails(self._client, self._authority).read_details(facts)

    def merge_pull_request(self, facts: Facts, title: str, message: str) -> bool:
        """Merge exactly the commit that was judged; return False where a merge queue took it."""
        return PullRequestMerger(self._client).merge_pull_request(facts, title, message)

    def is_enqueued(self, number: int) -> bool:
        """Return whether a pull request waits in the merge queue."""
        return PullRequestMerger(self._client).is_enqueued(number)

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone already is as good."""
        try:
            self._ask("DELETE", f"/git/refs/heads/{quote(branch)}")
        except ForgeError as error:
            gone = error.kind == ForgeErrorKind.INVALID and "does not exist" in str(error).lower()
            if error.kind != ForgeErrorKind.NOT_FOUND and not gone:
                raise

    def close_issue(self, number: int) -> None:
        self._ask("PATCH", f"/issues/{number}", body={"state": "closed"})

    def default_branch(self) -> str:
        return str(self._ask("GET", "").data["default_branch"])

    def read_head(self, branch: str) -> str:
        """Return the commit of a branch."""
        answer = self._ask("GET", f"/branches/{quote(branch, safe='')}").data
        return str(answer["commit"]["sha"])
