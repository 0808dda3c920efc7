"""Issues of GitHub, by PyGithub's requester: it knows conditional requests, its objects not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from github import Auth, Github, GithubException
from requests.utils import parse_header_links

from chalicelib.domain.errors import Invalid
from chalicelib.domain.firing import run_marker
from chalicelib.domain.ids import RunId
from chalicelib.domain.pull_requests.forge import GITHUB_API_URL, ForgeLocation, is_rate_limited
from chalicelib.domain.retry_after import rate_limit_delay
from chalicelib.domain.texts.ticket_comment import CommentText, to_markdown
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.integrations.github.calls import GitHubRefusal, GitHubResponse, send_request
from chalicelib.integrations.github.ticket_words import TrustedContent
from chalicelib.integrations.github.transport import Misdirected, make_client
from chalicelib.integrations.trackers.http import parse_moment, tracker_error
from chalicelib.ports import TicketPage, TrackerRateLimited, TrackerUnreachable

PAGE_SIZE = 100


class GitHubIssues:
    """The issues of one repo. Pull requests are not tickets, although GitHub lists them."""

    def __init__(
        self, client: Github, config: dict[str, str], now: datetime, trusted: TrustedContent
    ) -> None:
        self._requester, self._config, self._now = client.requester, config, now
        self._trusted = trusted
        self._repo = config["repo"]

    def iter_changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        """Yield pages, what changed longest ago first: a change moves an issue to a later one."""
        path = f"/repos/{self._repo}/issues"
        seen_positions: set[str] = set()
        query: dict[str, Any] | None = (
            dict(parse_qsl(position)) if position else _first_query(since)
        )
        conditional = {"If-None-Match": etag} if etag and not position else {}
        while query:
            _check_advance(seen_positions, query)
            answer = self._send_request("GET", path, query, conditional, expects=list)
            if answer.unchanged:
                yield TicketPage((), unchanged=True)
                return
            headers, issues = answer.headers, answer.data
            # An ETag speaks of its own page alone: with more than one, all are read again.
            alone = not position and "link" not in headers
            query, conditional = _following_query(query, headers, issues), {}
            position = urlencode(query) if query else None
            tickets = [self._ticket(issue) for issue in issues if "pull_request" not in issue]
            yield TicketPage(tickets, position, headers.get("etag") if alone else None)

    def read_ticket(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return an issue with those of its labels and comments that count."""
        comments = [
            Comment(
                author=_login_of(c.get("user")),
                body=c.get("body") or "",
                created_at=c["created_at"],
            )
            for c in self._comments(ticket.external_id)
        ]
        labels = self._trusted.trusted_labels(ticket)
        return replace(ticket, labels=labels), self._trusted.trusted_comments(ticket, comments)

    def _comments(self, ticket_id: str) -> Iterator[dict[str, Any]]:
        path = f"{self._path(ticket_id)}/comments"
        query: dict[str, Any] | None = {"per_page": PAGE_SIZE}
        seen_positions: set[str] = set()
        while query:
            _check_advance(seen_positions, query)
            answer = self._send_request("GET", path, query, expects=list)
            yield from answer.data
            query = _linked_query(query, answer.headers)

    def _path(self, ticket_id: str) -> str:
        return f"/repos/{self._repo}/issues/{ticket_id.rpartition('#')[2]}"

    def find_comment(self, ticket_id: str, run_id: RunId) -> str | None:
        """Return the id of the comment that carries the mark of a run."""
        comments = self._comments(ticket_id)
        texts = ((str(c["id"]), c.get("body") or "") for c in comments)
        return run_marker.find_marked(texts, run_id)

    def write_comment(self, ticket_id: str, comment_id: str | None, note: CommentText) -> str:
        """Create a comment, or edit one of ours; return its id."""
        body = {"body": f"{to_markdown(note)}\n\n{run_marker.hidden_marker(note.run_id)}"}
        if comment_id:
            path = f"/repos/{self._repo}/issues/comments/{comment_id}"
            self._send_request("PATCH", path, body=body)
            return comment_id
        comment = self._send_request("POST", f"{self._path(ticket_id)}/comments", body=body).data
        return str(comment["id"])

    def finish_ticket(self, ticket_id: str) -> None:
        """Close an issue, label it, or both."""
        if label := self._config.get("doneLabel"):
            self._send_request(
                "POST", f"{self._path(ticket_id)}/labels", body={"labels": [label]}, expects=list
            )
        if "doneState" in self._config:
            closed = {"state": "closed", "state_reason": "completed"}
            now = self._send_request("PATCH", self._path(ticket_id), body=closed).data
            if now.get("state") != "closed":
                raise TrackerUnreachable(
                    f"GitHub left the issue {now.get('state')}: close it by hand"
                )

    def _send_request(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        body: object = None,
        expects: type = dict,
    ) -> GitHubResponse:
        """Return the answer of a call that succeeded; redirects of a renamed repo are followed."""
        try:
            return send_request(
                self._requester,
                method,
                path,
                parameters=query,
                headers=headers,
                body=body,
                expects=expects,
            )
        except GitHubRefusal as error:
            raise self._refusal(error) from error
        except Misdirected as error:
            raise TrackerUnreachable(f"GitHub cannot be asked: {error}", passes=False) from error
        except (requests.RequestException, GithubException) as error:
            message = f"GitHub cannot be reached: {type(error).__name__}"
            raise TrackerUnreachable(message, passes=True) from error
        except Invalid as error:
            raise TrackerUnreachable(f"GitHub cannot be reached: {error}", passes=False) from error

    def _refusal(self, error: GitHubRefusal) -> Exception:
        if is_rate_limited(error.status, error.refusal_message, error.headers):
            return TrackerRateLimited(
                rate_limit_delay(error.headers, self._now) or timedelta(minutes=1)
            )
        if error.status == 403 and "archived" in error.refusal_message.lower():
            return TrackerUnreachable(f"{self._repo} is archived and read-only: unarchive it")
        return tracker_error(
            "GitHub", error.status, error.headers, error.refusal_message, self._now
        )

    def _ticket(self, issue: dict[str, Any]) -> Ticket:
        names = (
            label if isinstance(label, str) else label.get("name") for label in issue["labels"]
        )
        return Ticket(
            source="github",
            external_id=f"{self._repo}#{issue['number']}",
            stable_id=str(issue.get("id") or ""),
            title=issue["title"],
            body=issue.get("body") or "",
            url=issue["html_url"],
            updated_at=parse_moment(issue["updated_at"]),
            labels=tuple(name for name in names if name),
            open=issue["state"] == "open",
            number=issue["number"],
            author=_login_of(issue.get("user")),
            assignees=tuple(_login_of(user) for user in issue.get("assignees") or ()),
            repo=self._repo,
        )


def _check_advance(seen_positions: set[str], query: dict[str, Any]) -> None:
    """Note where a page begins; raise `TrackerUnreachable` where a page before began there."""
    position = urlencode(sorted(query.items()))
    if position in seen_positions:
        raise TrackerUnreachable(
            "GitHub's list leads back to a page that was read before", passes=True
        )
    seen_positions.add(position)


def _first_query(since: datetime | None) -> dict[str, Any]:
    """Return the query of a listing that begins."""
    query = {"state": "open", "sort": "updated", "direction": "asc", "per_page": PAGE_SIZE}
    return {**query, "state": "all", "since": _format_second(since)} if since else query


def _format_second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _following_query(
    query: dict[str, Any], headers: dict[str, Any], issues: list[dict[str, Any]]
) -> dict[str, Any] | None:
    """Return the query of the next page: a listing that begins where this page ends.

    A page number would refer to other issues once one is closed or changed, and GitHub limits
    the numbers. Only within one second the link is followed.
    """
    linked = _linked_query(query, headers)
    if linked is None or not issues:
        return linked
    oldest, newest = issues[0]["updated_at"], issues[-1]["updated_at"]
    if oldest == newest:
        return linked
    return {**_first_query(None), "state": query["state"], "since": newest}


def _linked_query(query: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any] | None:
    """Return the query of the link to the next page: it has a number, a cursor, or both."""
    links = parse_header_links(headers.get("link", ""))
    url = next((link["url"] for link in links if link.get("rel") == "next"), None)
    return {**query, **dict(parse_qsl(urlsplit(url).query))} if url else None


def _login_of(user: dict[str, Any] | None) -> str:
    return user["login"] if user else "ghost"


def open_tracker(provider: TicketProvider, credential: str, now: datetime) -> GitHubIssues:
    """Return the issues of a provider's repo."""
    base = provider.config.get("baseUrl", GITHUB_API_URL).rstrip("/")
    opened = make_client(
        auth=Auth.Token(credential),
        base_url=base,
        timeout=20,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
    location = ForgeLocation(api_url=base, slug=provider.config["repo"])
    bots = provider.config.get("trustedBots", "").split()
    trusted = TrustedContent(location, credential, bots, now)
    return GitHubIssues(opened, provider.config, now, trusted)
