"""Issues of Linear, by GraphQL. Its rate limit comes as HTTP 400."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.domain.provider import Provider
from chalicelib.domain.ticket import Comment, Ticket
from chalicelib.integrations.tracker_http import Http, moment
from chalicelib.ports import TicketPage, Unreachable

PAGE = 50
DONE = ("completed", "canceled", "duplicate")
ISSUES = """
query Issues($first: Int!, $after: String, $filter: IssueFilter) {
  issues(first: $first, after: $after, filter: $filter, orderBy: createdAt) {
    nodes {
      id identifier title description url updatedAt
      creator { displayName }
      state { type }
      labels(first: 50) { nodes { name } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
COMMENTS = """
query Comments($id: String!, $first: Int!, $after: String) {
  issue(id: $id) {
    comments(first: $first, after: $after, orderBy: createdAt) {
      nodes { body createdAt user { displayName } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""


class LinearIssues:
    """The issues that an API key sees, of one team where the provider names one."""

    def __init__(self, http: Http, team: str | None) -> None:
        self._http, self._team = http, team

    def changed(self, since: datetime | None, etag: str | None) -> Iterator[TicketPage]:
        """Yield pages of fifty; a cursor is bound to an issue, so none is passed over."""
        wanted: dict[str, Any] = {}
        if since:
            wanted["updatedAt"] = {"gte": since.isoformat()}
        else:
            wanted["state"] = {"type": {"nin": list(DONE)}}
        if self._team:
            wanted["team"] = {"key": {"eq": self._team}}
        for found in self._pages(ISSUES, {"filter": wanted}, "issues"):
            yield TicketPage([_ticket(node) for node in found])

    def whole(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return an issue with its comments."""
        pages = self._pages(COMMENTS, {"id": ticket.handle}, "issue", "comments")
        said = [_comment(node) for found in pages for node in found]
        return replace(ticket), sorted(said, key=lambda comment: comment.created_at)

    def _pages(self, query: str, variables: dict[str, Any], *way: str) -> Iterator[list[Any]]:
        after = None
        while True:
            sent = {"query": query, "variables": {**variables, "first": PAGE, "after": after}}
            answer = self._http.send("POST", "/graphql", json=sent)
            if answer.get("errors"):
                raise Unreachable(f"Linear answered: {answer['errors'][0].get('message')}")
            found = answer["data"]
            for name in way:
                found = found[name]
            yield found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]


def _ticket(node: dict[str, Any]) -> Ticket:
    return Ticket(
        source="linear",
        external_id=node["identifier"],
        title=node["title"],
        body=node.get("description") or "",
        url=node["url"],
        updated_at=moment(node["updatedAt"]),
        labels=tuple(label["name"] for label in node["labels"]["nodes"]),
        open=node["state"]["type"] not in DONE,
        author=(node.get("creator") or {}).get("displayName"),
        handle=node["id"],
    )


def _comment(node: dict[str, Any]) -> Comment:
    author = (node.get("user") or {}).get("displayName", "")
    return Comment(author=author, body=node["body"], created_at=node["createdAt"])


def open_tracker(provider: Provider, credential: str, now: datetime) -> LinearIssues:
    """Return the issues of a provider; a personal key goes bare, an OAuth token as a bearer."""
    bare = credential.startswith("lin_api_")
    headers = {"Authorization": credential if bare else f"Bearer {credential}"}
    base = provider.config.get("baseUrl", "https://api.linear.app")
    return LinearIssues(Http("Linear", base, now, headers), provider.config.get("teamKey"))
