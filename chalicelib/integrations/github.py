"""GitHub and GitHub Enterprise Server, through PyGithub: repos and their pull requests."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import github
from github import Auth, GithubIntegration

from chalicelib.domain.forge import Credential, ForgeError, Place
from chalicelib.domain.pull_request import (
    UNKNOWN,
    Facts,
    Pull,
    checks_of,
    reviews_of,
    statuses_of,
)
from chalicelib.integrations.github_faults import Translated

TIMEOUT_SECONDS = 15
PAGE = 100
MOST_PAGES = 20
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
        self._root = f"/repos/{quote(place.slug)}"
        self._client: github.Github | None = None

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
                return _facts(pull)
        return next((_facts(pull) for pull in ours if pull["head"]["sha"] == sha), None)

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
        return _facts(pull)

    def ready(self, number: int) -> None:
        """Take a pull request out of its draft, which only GraphQL can."""
        _, pull = self._ask("GET", f"/pulls/{number}")
        with Translated(self._place):
            assert self._client is not None
            self._client.requester.graphql_named_mutation(
                "markPullRequestReadyForReview",
                {"pullRequestId": pull["node_id"]},
                "pullRequest { isDraft }",
            )

    def label(self, number: int, labels: Sequence[str]) -> None:
        self._ask("POST", f"/issues/{number}/labels", body={"labels": list(labels)})

    def look(self, number: int, before: Pull | None) -> Facts:
        """Return all that is known now; what did not change since `before` costs no quota."""
        was = before.facts if before else None
        etags = dict(was.etags) if was else {}
        # A pull request whose mergeability is just computed keeps its tag, so it is asked anew.
        known = was is not None and was.mergeable is not None
        pull, fresh = self._if_new(f"/pulls/{number}", etags, "pull", use=known)
        facts = _facts(pull) if fresh or was is None else was
        if was is None or facts.head_sha != was.head_sha:
            etags.pop("runs", None)
            etags.pop("statuses", None)
        elif fresh:
            facts = replace(
                facts,
                runs=was.runs,
                statuses=was.statuses,
                reviews=was.reviews,
                review_id=was.review_id,
            )
        facts = replace(facts, problem=None)
        if facts.state == "open":
            facts = self._parts(facts, etags, told=fresh)
        return replace(facts, etags=etags)

    def _parts(self, facts: Facts, etags: dict[str, str], *, told: bool) -> Facts:
        for part in (self._runs, self._statuses):
            facts = part(facts, etags)
        if told:
            etags.pop("reviews", None)
        return self._reviews(facts, etags)

    def _runs(self, facts: Facts, etags: dict[str, str]) -> Facts:
        def of(runs: list[dict[str, Any]]) -> Facts:
            return replace(facts, runs=checks_of((r["status"], r["conclusion"]) for r in runs))

        path = f"/commits/{facts.head_sha}/check-runs"
        return self._part(facts, path, etags, "runs", of, key="check_runs")

    def _statuses(self, facts: Facts, etags: dict[str, str]) -> Facts:
        def of(found: list[dict[str, Any]]) -> Facts:
            (combined,) = found
            return replace(facts, statuses=statuses_of(combined["state"], combined["total_count"]))

        path = f"/commits/{facts.head_sha}/status"
        return self._part(facts, path, etags, "statuses", of)

    def _reviews(self, facts: Facts, etags: dict[str, str]) -> Facts:
        def of(found: list[dict[str, Any]]) -> Facts:
            reviews = [(r["id"], (r.get("user") or {}).get("login", ""), r["state"]) for r in found]
            word, number = reviews_of(reviews, asked=facts.asked)
            return replace(facts, reviews=word, review_id=number)

        return self._part(facts, f"/pulls/{facts.number}/reviews", etags, "reviews", of, key="")

    def _part(
        self,
        facts: Facts,
        path: str,
        etags: dict[str, str],
        name: str,
        of: Callable[[list[dict[str, Any]]], Facts],
        key: str | None = None,
    ) -> Facts:
        """Return the facts with one part read; a part that may not be read is unknown, not none."""
        try:
            found, fresh = self._if_new(path, etags, name, use=getattr(facts, name) != UNKNOWN)
            if not fresh:
                return facts
            if key is None:
                return of([found])
            first = found[key] if key else found
            return of([*first, *self._more(path, key, len(first), etags, name)])
        except ForgeError as error:
            if error.passes:
                raise
            etags.pop(name, None)
            return replace(facts, **{name: UNKNOWN}, problem=f"{name}: {error}")  # type: ignore[arg-type]

    def _more(
        self, path: str, key: str, count: int, etags: dict[str, str], name: str
    ) -> Iterator[dict[str, Any]]:
        for page in range(2, MOST_PAGES):
            if count < PAGE:
                return
            etags.pop(name, None)  # the tag of a first page says nothing of the others
            asked = {"per_page": str(PAGE), "page": str(page)}
            _, found = self._ask("GET", path, parameters=asked)
            rows = found[key] if key else found
            yield from rows
            count = len(rows)

    def _if_new(
        self, path: str, etags: dict[str, str], name: str, *, use: bool
    ) -> tuple[Any, bool]:
        tag = etags.get(name) if use else None
        headers = {"If-None-Match": tag} if tag else {}
        paged = {} if name in ("pull", "statuses") else {"per_page": str(PAGE)}
        answered, found = self._ask("GET", path, parameters=paged, headers=headers)
        if found is None:
            return {}, False
        if "etag" in answered:
            etags[name] = answered["etag"]
        return found, True

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

    def _ask(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        body: object = None,
    ) -> tuple[dict[str, Any], Any]:
        with Translated(self._place):
            if self._client is None:
                self._client = github.Github(
                    auth=Auth.Token(self._token()),
                    base_url=self._place.api_url,
                    timeout=TIMEOUT_SECONDS,
                    retry=None,  # waiting is done by the due index, not by a function that is paid
                    seconds_between_requests=None,
                    seconds_between_writes=None,
                    lazy=True,
                )
            return self._client.requester.requestJsonAndCheck(
                method, self._root + path, parameters, headers, body
            )


def _facts(pull: dict[str, Any]) -> Facts:
    state = "merged" if pull.get("merged_at") else str(pull["state"])
    return Facts(
        number=pull["number"],
        url=pull["html_url"],
        state=state,
        head_sha=pull["head"]["sha"],
        base=pull["base"]["ref"],
        draft=bool(pull.get("draft")),
        mergeable=pull.get("mergeable"),
        asked=bool(pull.get("requested_reviewers") or pull.get("requested_teams")),
    )
