"""Issues of Jira Cloud, by its `search/jql`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.domain.firing import run_marker
from chalicelib.domain.ids import RunId
from chalicelib.domain.texts.ticket_comment import CommentText, TextPart
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.integrations.trackers.atlassian_document import to_markdown
from chalicelib.integrations.trackers.http import CursorHistory, TrackerHttp, parse_moment
from chalicelib.ports import TicketPage, TrackerUnreachable

PAGE_SIZE = 100
ISSUE_PATH = "/rest/api/3/issue"
ISSUE_FIELDS = ["summary", "description", "labels", "updated", "status", "creator"]


class JiraIssues:
    """The issues that a user of Jira sees, of one project where the provider names one."""

    def __init__(self, http: TrackerHttp, base: str, config: dict[str, str]) -> None:
        self._http, self._base, self._config = http, base, config

    def iter_changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        """Yield pages of a hundred, oldest issue first; a token holds for seven days."""
        sent: dict[str, Any] = {
            "jql": self._jql(since),
            "fields": ISSUE_FIELDS,
            "maxResults": PAGE_SIZE,
        }
        cursors = CursorHistory("Jira", position)
        while True:
            token = {"nextPageToken": position} if position else {}
            answer = self._http.send_request(
                "POST", "/rest/api/3/search/jql", json={**sent, **token}
            )
            position = cursors.advance_to(answer.get("nextPageToken") or None)
            yield TicketPage([self._ticket(issue) for issue in answer.get("issues", ())], position)
            if not position:
                return

    def read_ticket(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return an issue with its comments."""
        return replace(ticket), [
            _comment(comment) for comment in self._comments(ticket.handle or ticket.external_id)
        ]

    def _comments(self, ticket_id: str) -> Iterator[dict[str, Any]]:
        count = 0
        while True:
            parameters = {"startAt": count, "maxResults": PAGE_SIZE, "orderBy": "created"}
            answer = self._http.send_request(
                "GET", f"{ISSUE_PATH}/{ticket_id}/comment", params=parameters
            )
            page = answer.get("comments", ())
            yield from page
            count += len(page)
            if not page or count >= answer.get("total", 0):
                return

    def find_comment(self, ticket_id: str, run_id: RunId) -> str | None:
        """Return the id of the comment that carries the mark of a run."""
        comments = self._comments(ticket_id)
        texts = ((c["id"], to_markdown(c.get("body"))) for c in comments)
        return run_marker.find_marked(texts, run_id)

    def write_comment(self, ticket_id: str, comment_id: str | None, note: CommentText) -> str:
        """Create a comment, or edit one of ours, without another mail to all."""
        path, body = f"{ISSUE_PATH}/{ticket_id}/comment", {"body": to_document(note)}
        if comment_id is None:
            return str(self._http.send_request("POST", path, json=body)["id"])
        quiet = {"notifyUsers": "false"}
        self._http.send_request("PUT", f"{path}/{comment_id}", json=body, params=quiet)
        return comment_id

    def finish_ticket(self, ticket_id: str) -> None:
        """Move an issue to a status by whatever transition leads there, label it, or both."""
        path = f"{ISSUE_PATH}/{ticket_id}"
        if label := self._config.get("doneLabel"):
            self._http.send_request("PUT", path, json={"update": {"labels": [{"add": label}]}})
        if state := self._config.get("doneState"):
            self._transition(path, state)

    def _transition(self, path: str, state: str) -> None:
        shown = self._http.send_request("GET", path, params={"fields": "status"})
        if _is_same_name(((shown.get("fields") or {}).get("status") or {}).get("name"), state):
            return
        transitions = self._http.send_request("GET", f"{path}/transitions")["transitions"]
        ways = [
            way for way in transitions if _is_same_name((way.get("to") or {}).get("name"), state)
        ]
        if not ways:
            states = (
                ", ".join(repr((way.get("to") or {}).get("name")) for way in transitions)
                or "nowhere"
            )
            message = f"Jira has no transition to {state!r} (doneState) from here, only to {states}"
            raise TrackerUnreachable(message)
        self._http.send_request(
            "POST", f"{path}/transitions", json={"transition": {"id": ways[0]["id"]}}
        )

    def _jql(self, since: datetime | None) -> str:
        # A time of day would be read in the zone of the user. A span from now on would be another
        # query each time, to which the token of an earlier one does not belong.
        if since:
            parts = [f"updated >= {int(since.timestamp() * 1000)}"]
        else:
            parts = ["statusCategory != Done", 'created >= "1970-01-01"']
        if project := self._config.get("project"):
            parts.insert(0, 'project = "{}"'.format(project.replace('"', '\\"')))
        return f"{' AND '.join(parts)} ORDER BY created ASC"

    def _ticket(self, issue: dict[str, Any]) -> Ticket:
        fields = issue["fields"]
        category = ((fields.get("status") or {}).get("statusCategory") or {}).get("key")
        return Ticket(
            source="jira",
            external_id=issue["key"],
            stable_id=str(issue.get("id") or ""),
            title=fields.get("summary") or "",
            body=to_markdown(fields.get("description")),
            url=f"{self._base}/browse/{issue['key']}",
            updated_at=parse_moment(fields["updated"]),
            labels=tuple(fields.get("labels") or ()),
            open=category != "done",
            author=(fields.get("creator") or {}).get("displayName"),
            handle=issue.get("id", ""),
        )


def _comment(comment: dict[str, Any]) -> Comment:
    author = (comment.get("author") or {}).get("displayName", "")
    return Comment(
        author=author, body=to_markdown(comment.get("body")), created_at=comment["created"]
    )


def _is_same_name(name: str | None, other_name: str) -> bool:
    return (name or "").strip().casefold() == other_name.strip().casefold()


def to_document(note: CommentText) -> dict[str, Any]:
    """Return a note as an Atlassian document, its mark in a line of its own."""
    lines = [*note.lines, (TextPart(run_marker.visible_marker(note.run_id)),)]
    paragraphs = [
        {"type": "paragraph", "content": [_to_node(piece) for piece in line]} for line in lines
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _to_node(piece: TextPart) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": piece.text}
    link = {"type": "link", "attrs": {"href": piece.url}}
    return {**node, "marks": [link]} if piece.url else node


def open_tracker(provider: TicketProvider, credential: str, now: datetime) -> JiraIssues:
    """Return the issues of a provider."""
    pair = base64.b64encode(f"{provider.config['email']}:{credential}".encode()).decode()
    base = provider.config["baseUrl"].rstrip("/")
    http = TrackerHttp("Jira", base, now, {"Authorization": f"Basic {pair}"})
    return JiraIssues(http, base, provider.config)
