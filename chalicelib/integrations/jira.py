"""Issues of Jira Cloud, by its `search/jql`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.provider import Provider
from chalicelib.domain.ticket import Comment, Ticket
from chalicelib.integrations.tracker_http import Http, moment
from chalicelib.ports import TicketPage

PAGE = 100
FIELDS = ["summary", "description", "labels", "updated", "status", "creator"]


class JiraIssues:
    """The issues that a user of Jira sees, of one project where the provider names one."""

    def __init__(self, http: Http, base: str, project: str | None, now: datetime) -> None:
        self._http, self._base, self._project, self._now = http, base, project, now

    def changed(self, since: datetime | None, etag: str | None) -> Iterator[TicketPage]:
        """Yield pages of a hundred, oldest issue first."""
        sent: dict[str, Any] = {"jql": self._jql(since), "fields": FIELDS, "maxResults": PAGE}
        while True:
            found = self._http.send("POST", "/rest/api/3/search/jql", json=sent)
            yield TicketPage([self._ticket(issue) for issue in found.get("issues", ())])
            token = found.get("nextPageToken")
            if not token:
                return
            sent = {**sent, "nextPageToken": token}

    def whole(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return an issue with its comments."""
        said: list[Comment] = []
        path = f"/rest/api/3/issue/{ticket.external_id}/comment"
        while True:
            asked = {"startAt": len(said), "maxResults": PAGE, "orderBy": "created"}
            found = self._http.send("GET", path, params=asked)
            page = found.get("comments", ())
            said += [_comment(one) for one in page]
            if not page or len(said) >= found.get("total", 0):
                return replace(ticket), said

    def _jql(self, since: datetime | None) -> str:
        # A time of day would be read in the zone of the user; a span is the same in every zone.
        if since:
            minutes = -(-(self._now - since) // timedelta(minutes=1))
            parts = [f"updated >= -{max(1, minutes)}m"]
        else:
            parts = ["statusCategory != Done", 'created >= "1970-01-01"']
        if self._project:
            parts.insert(0, 'project = "{}"'.format(self._project.replace('"', '\\"')))
        return f"{' AND '.join(parts)} ORDER BY created ASC"

    def _ticket(self, issue: dict[str, Any]) -> Ticket:
        fields = issue["fields"]
        category = ((fields.get("status") or {}).get("statusCategory") or {}).get("key")
        return Ticket(
            source="jira",
            external_id=issue["key"],
            title=fields.get("summary") or "",
            body=text_of(fields.get("description")),
            url=f"{self._base}/browse/{issue['key']}",
            updated_at=moment(fields["updated"]),
            labels=tuple(fields.get("labels") or ()),
            open=category != "done",
            author=(fields.get("creator") or {}).get("displayName"),
            handle=issue.get("id", ""),
        )


def _comment(one: dict[str, Any]) -> Comment:
    author = (one.get("author") or {}).get("displayName", "")
    return Comment(author=author, body=text_of(one.get("body")), created_at=one["created"])


def text_of(document: Any) -> str:
    """Return the text of an Atlassian document, a line for each block."""
    if not isinstance(document, dict):
        return document or ""
    if document.get("type") == "text":
        return str(document.get("text", ""))
    if document.get("type") == "hardBreak":
        return "\n"
    inner = [text_of(part) for part in document.get("content", ())]
    blocks = document.get("type") in ("doc", "bulletList", "orderedList", "listItem", "blockquote")
    return "\n".join(inner) if blocks else "".join(inner)


def open_tracker(provider: Provider, credential: str, now: datetime) -> JiraIssues:
    """Return the issues of a provider."""
    pair = base64.b64encode(f"{provider.config['email']}:{credential}".encode()).decode()
    base = provider.config["baseUrl"].rstrip("/")
    http = Http("Jira", base, now, {"Authorization": f"Basic {pair}"})
    return JiraIssues(http, base, provider.config.get("project"), now)
