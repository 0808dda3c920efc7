"""Looks at a pull request of GitHub: what did not change since the last one costs no quota."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from chalicelib.domain.pull_requests.checks import (
    REVIEW_OPINIONS,
    CheckRun,
    CheckState,
    ReviewState,
    commit_status_state,
    overall_check_state,
    pending_names,
    review_state,
)
from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.domain.pull_requests.pull_request import Facts, PullRequest, PullRequestState
from chalicelib.integrations.github.authority import RepoAuthority
from chalicelib.integrations.github.client import GitHubClient

PAGE_SIZE = 100
MAX_PAGES = 20


class PullRequestReader:
    """Looks at the pull requests of one repo."""

    def __init__(self, client: GitHubClient, authority: RepoAuthority) -> None:
        self._ask, self._authority = client.send_request, authority

    def read_facts(self, number: int, before: PullRequest | None) -> Facts:
        """Return all that is known now; what did not change since `before` costs no quota."""
        was = before.facts if before else None
        etags = dict(was.etags) if was else {}
        # A pull request whose mergeability is just computed keeps its tag, so it is asked anew.
        is_complete = was is not None and was.mergeable is not None
        pull_request, fresh = self._read_if_new(f"/pulls/{number}", etags, "pull", use=is_complete)
        facts = facts_of(pull_request) if fresh or was is None else was
        if was is None or facts.head_sha != was.head_sha:
            etags.pop("runs", None)
            etags.pop("statuses", None)
        elif fresh:
            facts = replace(
                facts,
                runs=was.runs,
                pending_runs=was.pending_runs,
                statuses=was.statuses,
                pending_statuses=was.pending_statuses,
                reviews=was.reviews,
                review_id=was.review_id,
            )
        facts = replace(facts, problem=None)
        if facts.state == PullRequestState.OPEN:
            facts = self._read_parts(facts, etags, fresh=fresh)
        return replace(facts, etags=etags)

    def _read_parts(self, facts: Facts, etags: dict[str, str], *, fresh: bool) -> Facts:
        for part in (self._read_check_runs, self._read_statuses):
            facts = part(facts, etags)
        if fresh:
            etags.pop("reviews", None)
        return self._read_reviews(facts, etags)

    def _read_check_runs(self, facts: Facts, etags: dict[str, str]) -> Facts:
        def of(check_runs: list[dict[str, Any]]) -> Facts:
            runs = [check_run_of(run) for run in check_runs]
            return replace(facts, runs=overall_check_state(runs), pending_runs=pending_names(runs))

        path = f"/commits/{facts.head_sha}/check-runs"
        return self._read_part(facts, path, etags, "runs", of, key="check_runs")

    def _read_statuses(self, facts: Facts, etags: dict[str, str]) -> Facts:
        def of(statuses: list[dict[str, Any]]) -> Facts:
            (combined,) = statuses
            word = commit_status_state(combined["state"], combined["total_count"])
            pending = tuple(
                str(status["context"])[:80]
                for status in combined.get("statuses") or ()
                if status["state"] == "pending"
            )
            return replace(facts, statuses=word, pending_statuses=pending[:10])

        path = f"/commits/{facts.head_sha}/status"
        return self._read_part(facts, path, etags, "statuses", of)

    def _read_reviews(self, facts: Facts, etags: dict[str, str]) -> Facts:
        def of(rows: list[dict[str, Any]]) -> Facts:
            reviews = [(r["id"], (r.get("user") or {}).get("login", ""), r["state"]) for r in rows]
            if any(state in REVIEW_OPINIONS for _, _, state in reviews):
                # A tag knows of reviews alone, and who may write changes without them.
                etags.pop("reviews", None)
            counts = self._authority.is_trusted
            word, number = review_state(reviews, review_requested=facts.asked, counts=counts)
            return replace(facts, reviews=word, review_id=number)

        return self._read_part(
            facts, f"/pulls/{facts.number}/reviews", etags, "reviews", of, key=""
        )

    def _read_part(
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
            answer, fresh = self._read_if_new(
                path, etags, name, use=getattr(facts, name) != CheckState.UNKNOWN
            )
            if not fresh:
                return facts
            if key is None:
                return of([answer])
            first = answer[key] if key else answer
            more = list(self._iter_pages(path, key, len(first), etags, name))
            return of([*first, *more])
        except ForgeError as error:
            if error.passes:
                raise
            etags.pop(name, None)
            return _without_part(replace(facts, problem=f"{name}: {error}"), name)

    def _iter_pages(
        self, path: str, key: str, count: int, etags: dict[str, str], name: str
    ) -> Iterator[dict[str, Any]]:
        for page in range(2, MAX_PAGES + 1):
            if count < PAGE_SIZE:
                return
            etags.pop(name, None)  # the tag of a first page says nothing of the others
            parameters = {"per_page": str(PAGE_SIZE), "page": str(page)}
            answer = self._ask(
                "GET", path, parameters=parameters, expects=dict if key else list
            ).data
            rows = answer[key] if key else answer
            yield from rows
            count = len(rows)
        if count == PAGE_SIZE:  # who floods a list must not hide what comes after it
            raise ForgeError(
                ForgeErrorKind.TOO_MANY, f"there are more than {MAX_PAGES * PAGE_SIZE:,} of them"
            )

    def _read_if_new(
        self, path: str, etags: dict[str, str], name: str, *, use: bool
    ) -> tuple[Any, bool]:
        tag = etags.get(name) if use else None
        headers = {"If-None-Match": tag} if tag else {}
        paged = {} if name in ("pull", "statuses") else {"per_page": str(PAGE_SIZE)}
        expects = list if name == "reviews" else dict
        answer = self._ask("GET", path, parameters=paged, headers=headers, expects=expects)
        if answer.unchanged:
            return {}, False
        if "etag" in answer.headers:
            etags[name] = answer.headers["etag"]
        return answer.data, True


def _without_part(facts: Facts, name: str) -> Facts:
    """Return the facts with one part unknown."""
    if name == "reviews":
        return replace(facts, reviews=ReviewState.UNKNOWN)
    if name == "runs":
        return replace(facts, runs=CheckState.UNKNOWN)
    return replace(facts, statuses=CheckState.UNKNOWN)


def check_run_of(run: dict[str, Any]) -> CheckRun:
    """Return one run of a check as the core knows it."""
    return CheckRun(
        id=run["id"],
        name=str(run["name"]),
        app=str((run.get("app") or {}).get("slug") or ""),
        status=run["status"],
        conclusion=run["conclusion"],
    )


def facts_of(pull_request: dict[str, Any]) -> Facts:
    """Return the facts in a pull request itself; the others are requested."""
    state = "merged" if pull_request.get("merged_at") else pull_request["state"]
    return Facts(
        number=pull_request["number"],
        url=pull_request["html_url"],
        state=PullRequestState(state),
        head_sha=pull_request["head"]["sha"],
        base=pull_request["base"]["ref"],
        draft=bool(pull_request.get("draft")),
        mergeable=pull_request.get("mergeable"),
        asked=bool(pull_request.get("requested_reviewers") or pull_request.get("requested_teams")),
    )
