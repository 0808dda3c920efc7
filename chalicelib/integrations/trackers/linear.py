"""Issues of Linear, by GraphQL. Its rate limit comes as HTTP 400."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.domain.firing import run_marker
from chalicelib.domain.ids import RunId
from chalicelib.domain.texts.ticket_comment import CommentText, to_markdown
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.integrations.trackers.http import CursorHistory, TrackerHttp, parse_moment
from chalicelib.ports import TicketPage, TrackerUnreachable

PAGE_SIZE = 50
DONE_STATE_TYPES = ("completed", "canceled", "duplicate")
ISSUES_QUERY = """
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
COMMENTS_QUERY = """
query Comments($id: String!, $first: Int!, $after: String) {
  issue(id: $id) {
    comments(first: $first, after: $after, orderBy: createdAt) {
      nodes { id body createdAt user { displayName } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
COMMENT_MUTATION = """
mutation Comment($input: CommentCreateInput!) {
  commentCreate(input: $input) { success comment { id } }
}
"""
EDIT_MUTATION = """
mutation Edit($id: String!, $input: CommentUpdateInput!) {
  commentUpdate(id: $id, input: $input) { success }
}
"""
DONE_STATE_QUERY = """
query DoneState($id: String!, $name: String!) {
  issue(id: $id) {
    team { states(filter: { name: { eqIgnoreCase: $name } }) { nodes { id } } }
  }
}
"""
DONE_LABEL_QUERY = """
query DoneLabel($id: String!, $name: String!) {
  issue(id: $id) { team { id } }
  issueLabels(filter: { name: { eqIgnoreCase: $name } }) { nodes { id team { id } } }
}
"""
MOVE_MUTATION = """
mutation Move($id: String!, $input: IssueUpdateInput!) {
  issueUpdate(id: $id, input: $input) { success }
}
"""
LABEL_MUTATION = """
mutation Label($id: String!, $labelId: String!) {
  issueAddLabel(id: $id, labelId: $labelId) { success }
}
"""
DOCUMENTS = (
    ISSUES_QUERY,
    COMMENTS_QUERY,
    COMMENT_MUTATION,
    EDIT_MUTATION,
    DONE_STATE_QUERY,
    DONE_LABEL_QUERY,
    MOVE_MUTATION,
    LABEL_MUTATION,
)


class LinearIssues:
    """The issues that an API key sees, of one team where the provider names one."""

    def __init__(self, http: TrackerHttp, config: dict[str, str]) -> None:
        self._http, self._config = http, config

    def iter_changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        """Yield pages of fifty; a cursor is bound to an issue, so none is passed over."""
        issue_filter: dict[str, Any] = {}
        if since:
            issue_filter["updatedAt"] = {"gte": since.isoformat()}
        else:
            issue_filter["state"] = {"type": {"nin": list(DONE_STATE_TYPES)}}
        if team := self._config.get("teamKey"):
            issue_filter["team"] = {"key": {"eq": team}}
        for nodes, following in self._pages(
            ISSUES_QUERY, {"filter": issue_filter}, position, "issues"
        ):
            yield TicketPage([_ticket(node) for node in nodes], following)

    def read_ticket(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return an issue with its comments."""
        comments = [_comment(node) for node in self._comments(ticket.handle)]
        return replace(ticket), sorted(comments, key=lambda comment: comment.created_at)

    def _comments(self, issue_id: str) -> Iterator[dict[str, Any]]:
        for nodes, _ in self._pages(COMMENTS_QUERY, {"id": issue_id}, None, "issue", "comments"):
            yield from nodes

    def find_comment(self, ticket_id: str, run_id: RunId) -> str | None:
        """Return the id of the comment that carries the mark of a run."""
        comments = self._comments(ticket_id)
        texts = ((node["id"], node["body"]) for node in comments)
        return run_marker.find_marked(texts, run_id)

    def write_comment(self, ticket_id: str, comment_id: str | None, note: CommentText) -> str:
        """Create a comment, or edit one of ours; return its id."""
        comment_input = {"body": f"{to_markdown(note)}\n\n{run_marker.visible_marker(note.run_id)}"}
        if comment_id:
            self._find_done(
                EDIT_MUTATION, {"id": comment_id, "input": comment_input}, "commentUpdate"
            )
            return comment_id
        created = self._find_done(
            COMMENT_MUTATION, {"input": {"issueId": ticket_id, **comment_input}}, "commentCreate"
        )
        return str(created["comment"]["id"])

    def finish_ticket(self, ticket_id: str) -> None:
        """Move an issue to a state of its team, label it, or both."""
        if name := self._config.get("doneLabel"):
            answer = self._run_query(DONE_LABEL_QUERY, {"id": ticket_id, "name": name})
            teams = (None, answer["issue"]["team"]["id"])
            labels = answer["issueLabels"]["nodes"]
            fit = [label for label in labels if (label["team"] or {}).get("id") in teams]
            variables = {"id": ticket_id, "labelId": _only(fit, "label", name, "doneLabel")}
            self._find_done(LABEL_MUTATION, variables, "issueAddLabel")
        if name := self._config.get("doneState"):
            answer = self._run_query(DONE_STATE_QUERY, {"id": ticket_id, "name": name})
            states = answer["issue"]["team"]["states"]["nodes"]
            state = {"stateId": _only(states, "state", name, "doneState")}
            self._find_done(MOVE_MUTATION, {"id": ticket_id, "input": state}, "issueUpdate")

    def _pages(
        self, query: str, variables: dict[str, Any], after: str | None, *way: str
    ) -> Iterator[tuple[list[Any], str | None]]:
        cursors = CursorHistory("Linear", after)
        while True:
            data = self._run_query(query, {**variables, "first": PAGE_SIZE, "after": after})
            for name in way:
                data = data[name]
            more = data["pageInfo"]["hasNextPage"]
            after = cursors.advance_to(data["pageInfo"]["endCursor"] if more else None)
            yield data["nodes"], after
            if after is None:
                return

    def _run_query(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        sent = {"query": document, "variables": variables}
        answer = self._http.send_request("POST", "/graphql", json=sent)
        if answer.get("errors"):
            message = f"Linear answered: {answer['errors'][0].get('message')}"
            raise TrackerUnreachable(message, senseless=True)
        data: dict[str, Any] = answer["data"]
        return data

    def _find_done(self, document: str, variables: dict[str, Any], name: str) -> dict[str, Any]:
        done: dict[str, Any] = self._run_query(document, variables)[name]
        if not done["success"]:
            raise TrackerUnreachable(f"Linear did not do {name}", passes=True)
        return done


def _only(matches: list[dict[str, Any]], kind: str, name: str, field: str) -> str:
    if not matches:
        raise TrackerUnreachable(
            f"Linear has no {kind} {name!r} for this issue's team: correct {field}"
        )
    return str(matches[0]["id"])


def _ticket(node: dict[str, Any]) -> Ticket:
    return Ticket(
        source="linear",
        external_id=node["identifier"],
        stable_id=node["id"],
        title=node["title"],
        body=node.get("description") or "",
        url=node["url"],
        updated_at=parse_moment(node["updatedAt"]),
        labels=tuple(label["name"] for label in node["labels"]["nodes"]),
        open=node["state"]["type"] not in DONE_STATE_TYPES,
        author=(node.get("creator") or {}).get("displayName"),
        handle=node["id"],
    )


def _comment(node: dict[str, Any]) -> Comment:
    author = (node.get("user") or {}).get("displayName", "")
    return Comment(author=author, body=node["body"], created_at=node["createdAt"])


def open_tracker(provider: TicketProvider, credential: str, now: datetime) -> LinearIssues:
    """Return the issues of a provider; a personal key goes bare, an OAuth token as a bearer."""
    bare = credential.startswith("lin_api_")
    headers = {"Authorization": credential if bare else f"Bearer {credential}"}
    base = provider.config.get("baseUrl", "https://api.linear.app")
    return LinearIssues(TrackerHttp("Linear", base, now, headers), provider.config)
