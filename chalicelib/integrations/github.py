"""GitHub and GitHub Enterprise Server, through PyGithub: repos and their pull requests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from github import Auth, GithubIntegration

from chalicelib.domain.forge import Credential, ForgeError, Place
from chalicelib.domain.pull_request import Facts, Pull, checks_of
from chalicelib.integrations.github_client import TIMEOUT_SECONDS, Client
from chalicelib.integrations.github_faults import Translated
from chalicelib.integrations.github_looks import PAGE, Looks, facts_of

RENEW_BEFORE = timedelta(minutes=5)
LONGEST_COMPLAINT = 8000
TEMPLATES = (
    ".github/pull_request_template.md",
    ".github/PULL_REQUEST_TEMPLATE.md",
    "pull_request_template.md",
    "PULL_REQUEST_TEMPLATE.md",
    "docs/pull_request_template.md",
)


class GitHubs:
    """Repos at GitHub; the tokens of an App are kept until shortly before they end."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._tokens: dict[tuple[str, str, str], tuple[str, datetime]] = {}

    def at(self, place: Place, credential: Credential) -> GitHub:
        return GitHub(place, lambda: credential.token or self._minted(place, credential))

    def _minted(self, place: Place, credential: Credential) -> str:
        """Return the token of the App's installation at this repo, a new one in time."""
        key = (place.api_url, place.slug, credential.app_id or "")
        kept = self._tokens.get(key)
        if kept and kept[1] - self._now() > RENEW_BEFORE:
            return kept[0]
        with Translated(place):
            auth = Auth.AppAuth(credential.app_id or "", credential.app_key or "")
            app = GithubIntegration(
                auth=auth, base_url=place.api_url, timeout=TIMEOUT_SECONDS, retry=None
            )
            owner, name = place.slug.split("/")
            installation = app.get_repo_installation(owner, name)
            made = app.get_access_token(installation.id)
        self._tokens[key] = (made.token, made.expires_at.astimezone(UTC))
        return made.token


class GitHub:
    """One repo at GitHub."""

    def __init__(self, place: Place, token: Callable[[], str]) -> None:
        self._place = place
        self._token = token
        self._client = Client(place, token, f"/repos/{quote(place.slug)}")
        self._ask = self._client.ask

    def token(self) -> str:
        return self._token()

    def template(self) -> str | None:
        for path in TEMPLATES:
            try:
                _, found = self._ask("GET", f"/contents/{path}")
            except ForgeError as error:
                if error.kind == "not_found":
                    continue
                raise
            return base64.b64decode(found["content"]).decode("utf-8", "replace")
        return None

    def find(self, branch: str, sha: str | None) -> Facts | None:
        """Return the branch's pull request: the open one, or else the one of this very commit."""
        asked = {"head": f"{self._place.owner}:{branch}", "state": "all", "per_page": "30"}
        _, pulls = self._ask("GET", "/pulls", parameters=asked)
        ours = [pull for pull in pulls if pull["head"]["ref"] == branch]
        for pull in ours:
            if pull["state"] == "open":
                return facts_of(pull)
        return next((facts_of(pull) for pull in ours if pull["head"]["sha"] == sha), None)

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> Facts:
        wanted = {"head": branch, "base": base, "title": title, "body": body, "draft": draft}
        try:
            _, pull = self._ask("POST", "/pulls", body=wanted)
        except ForgeError as error:
            if error.kind == "invalid" and "already exists" in str(error).lower():
                found = self.find(branch, None)
                if found:
                    return found
            raise
        return facts_of(pull)

    def ready(self, number: int) -> None:
        """Take a pull request out of its draft, which only GraphQL can."""
        _, pull = self._ask("GET", f"/pulls/{number}")
        given = {"pullRequestId": pull["node_id"]}
        self._client.mutate("markPullRequestReadyForReview", given, "pullRequest { isDraft }")

    def label(self, number: int, labels: Sequence[str]) -> None:
        self._ask("POST", f"/issues/{number}/labels", body={"labels": list(labels)})

    def look(self, number: int, before: Pull | None) -> Facts:
        """Return all that is known now; what did not change since `before` costs no quota."""
        return Looks(self._client).look(number, before)

    def body(self, number: int) -> str:
        """Return what a pull request says."""
        _, pull = self._ask("GET", f"/pulls/{number}")
        return pull.get("body") or ""

    def rewrite(self, number: int, body: str) -> None:
        self._ask("PATCH", f"/pulls/{number}", body={"body": body})

    def complaints(self, facts: Facts) -> str:
        """Return what checks and reviewers say is wrong, for whoever has to mend it."""
        parts = [*self._failed_checks(facts), *self._objections(facts)]
        return "\n\n".join(parts)[:LONGEST_COMPLAINT]

    def _failed_checks(self, facts: Facts) -> Iterator[str]:
        path = f"/commits/{facts.head_sha}"
        _, found = self._ask("GET", f"{path}/check-runs", parameters={"per_page": str(PAGE)})
        for run in found["check_runs"]:
            if checks_of([(run["status"], run["conclusion"])]) == "failure":
                output = run.get("output") or {}
                said = [output.get("title"), output.get("summary"), output.get("text")]
                words = "\n".join(str(text) for text in said if text) or run.get("details_url")
                yield f"Check {run['name']!r} ended with {run['conclusion']}:\n{words}"
        _, combined = self._ask("GET", f"{path}/status")
        for status in combined["statuses"]:
            if status["state"] in ("failure", "error"):
                words = status.get("description") or status.get("target_url") or ""
                yield f"Status {status['context']!r} is {status['state']}: {words}"

    def _objections(self, facts: Facts) -> Iterator[str]:
        for kind in ("reviews", "comments"):
            path = f"/pulls/{facts.number}/{kind}"
            _, found = self._ask("GET", path, parameters={"per_page": str(PAGE)})
            for one in found:
                objects = kind == "comments" or one["state"] == "CHANGES_REQUESTED"
                if objects and one.get("body"):
                    who = (one.get("user") or {}).get("login", "somebody")
                    where = f" at {one['path']}" if one.get("path") else ""
                    yield f"{who} says{where}:\n{one['body']}"

    def merge(self, facts: Facts, title: str) -> None:
        """Squash-merge exactly the commit that was judged."""
        wanted = {"merge_method": "squash", "sha": facts.head_sha, "commit_title": title}
        self._ask("PUT", f"/pulls/{facts.number}/merge", body=wanted)

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone already is as good."""
        try:
            self._ask("DELETE", f"/git/refs/heads/{quote(branch)}")
        except ForgeError as error:
            if error.kind not in ("not_found", "invalid"):
                raise

    def close_issue(self, number: int) -> None:
        self._ask("PATCH", f"/issues/{number}", body={"state": "closed"})

    def default_branch(self) -> str:
        _, repo = self._ask("GET", "")
        return str(repo["default_branch"])

    def head(self, branch: str) -> str:
        """Return the commit that a branch stands at."""
        _, found = self._ask("GET", f"/branches/{quote(branch, safe='')}")
        return str(found["commit"]["sha"])
