"""Pages of a Notion data source as tickets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from chalicelib.domain.firing import run_marker
from chalicelib.domain.ids import RunId
from chalicelib.domain.texts.ticket_comment import CommentText, TextPart
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.integrations.trackers.http import CursorHistory, TrackerHttp, parse_moment
from chalicelib.integrations.trackers.notion_blocks import BlockReader, to_inline_markdown
from chalicelib.ports import TicketPage, TrackerRateLimited, TrackerUnreachable

PAGE_SIZE = 100
MAX_PART_LENGTH = 2000
API_VERSION = "2025-09-03"
DONE_STATUSES = frozenset({"done", "complete", "completed", "canceled", "cancelled", "archived"})


class NotionPages:
    """The pages of one data source; labels are the values of its select properties."""

    def __init__(self, http: TrackerHttp, config: dict[str, str]) -> None:
        self._http, self._config = http, config

    def iter_changed(
        self, since: datetime | None, position: str | None = None, etag: str | None = None
    ) -> Iterator[TicketPage]:
        """Yield pages of a hundred, oldest first, in windows of what one query may answer."""
        path = f"/v1/data_sources/{self._config['dataSourceId']}/query"
        cursors = CursorHistory("Notion", position)
        while True:
            try:
                answer = self._http.send_request("POST", path, json=_query(since, position))
            except TrackerUnreachable as error:
                raise self._explained(error) from error
            position = cursors.advance_to(_following(position, answer))
            # A wiki lists data sources among its pages: they are no tickets.
            pages = [page for page in answer["results"] if page.get("object", "page") == "page"]
            yield TicketPage([self._ticket(page) for page in pages], position)
            if position is None:
                return

    def _explained(self, error: TrackerUnreachable) -> TrackerUnreachable:
        """Return a refusal that names the right id, if a database's id was given."""
        if error.status not in (400, 404):
            return error
        try:
            database = self._http.send_request(
                "GET", f"/v1/databases/{self._config['dataSourceId']}"
            )
        except (TrackerUnreachable, TrackerRateLimited):
            return error
        sources = [source for source in database.get("data_sources") or () if source.get("id")]
        choices = ", ".join(f"{source['id']} ({source.get('name')})" for source in sources)
        return TrackerUnreachable(
            "dataSourceId is the id of a database: take the id of one of its data sources,"
            f" {choices or 'of which it has none that this credential may see'}"
            " (in Notion: the menu of the database, Manage data sources, Copy data source ID)",
            status=error.status,
        )

    def read_ticket(self, ticket: Ticket) -> tuple[Ticket, list[Comment]]:
        """Return a page with its text and its comments."""
        reader = BlockReader(lambda block: self._listed(f"/v1/blocks/{block}/children", {}))
        body = reader.read_page(ticket.handle)
        comments = [
            Comment(
                author=(comment.get("created_by") or {}).get("id", ""),
                body=to_inline_markdown(comment.get("rich_text")),
                created_at=comment["created_time"],
            )
            for comment in self._listed("/v1/comments", {"block_id": ticket.handle})
        ]
        return replace(ticket, body=body), comments

    def find_comment(self, ticket_id: str, run_id: RunId) -> str | None:
        """Return the id of the comment that carries the mark of a run."""
        comments = self._listed("/v1/comments", {"block_id": ticket_id})
        texts = ((c["id"], _plain(c.get("rich_text"))) for c in comments)
        return run_marker.find_marked(texts, run_id)

    def write_comment(self, ticket_id: str, comment_id: str | None, note: CommentText) -> str:
        """Create a comment, or edit one of ours; Notion hides those of others."""
        text = {"rich_text": rich_text(note)}
        if comment_id:
            self._http.send_request("PATCH", f"/v1/comments/{comment_id}", json=text)
            return comment_id
        parent = {"parent": {"page_id": ticket_id}}
        return str(self._http.send_request("POST", "/v1/comments", json={**parent, **text})["id"])

    def finish_ticket(self, ticket_id: str) -> None:
        """Set the status of a page, add a label to those it has, or both."""
        changed: dict[str, Any] = {}
        path = f"/v1/pages/{ticket_id}"
        if state := self._config.get("doneState"):
            changed[self._config["statusProperty"]] = {"status": {"name": state}}
        if label := self._config.get("doneLabel"):
            name = self._config["labelsProperty"]
            value = self._http.send_request("GET", path)["properties"].get(name, {})
            changed[name] = _labelled(value, label)
        self._http.send_request("PATCH", path, json={"properties": changed})

    def _listed(self, path: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        query = {**parameters, "page_size": PAGE_SIZE}
        cursors = CursorHistory("Notion")
        while True:
            answer = self._http.send_request("GET", path, params=query)
            yield from answer["results"]
            if not answer.get("has_more"):
                return
            query = {**query, "start_cursor": cursors.advance_to(answer["next_cursor"])}

    def _ticket(self, page: dict[str, Any]) -> Ticket:
        properties = page.get("properties", {})
        kinds = {name: value.get("type") for name, value in properties.items()}
        title = next((_plain(p["title"]) for n, p in properties.items() if kinds[n] == "title"), "")
        # Notion tells the minute of a change alone: this is the last moment that it may mean.
        edited = parse_moment(page["last_edited_time"]).replace(second=0, microsecond=0)
        gone = page.get("in_trash") or page.get("archived")
        return Ticket(
            source="notion",
            external_id=page["id"],
            stable_id=page["id"],
            title=title,
            url=page["url"],
            updated_at=edited + timedelta(seconds=59),
            labels=tuple(self._labels(properties)),
            open=not gone and self._status(properties).casefold() not in DONE_STATUSES,
            handle=page["id"],
        )

    def _labels(self, properties: dict[str, Any]) -> Iterator[str]:
        only = self._config.get("labelsProperty")
        for name, value in properties.items():
            if only not in (None, name):
                continue
            if value.get("type") == "multi_select":
                yield from (option["name"] for option in value["multi_select"])
            elif value.get("type") == "select" and value["select"]:
                yield value["select"]["name"]

    def _status(self, properties: dict[str, Any]) -> str:
        only = self._config.get("statusProperty")
        for name, value in properties.items():
            if only in (None, name) and value.get("type") == "status" and value["status"]:
                return str(value["status"]["name"])
        return ""


def _query(since: datetime | None, position: str | None) -> dict[str, Any]:
    """Return the request for a page; its position is a cursor, and where its window begins."""
    at = dict(parse_qsl(position or ""))
    conditions = []
    if since:
        conditions.append(_on_or_after("last_edited_time", f"{since:%Y-%m-%dT%H:%M:00.000Z}"))
    if "created" in at:
        conditions.append(_on_or_after("created_time", at["created"]))
    sent: dict[str, Any] = {
        "page_size": PAGE_SIZE,
        "sorts": [{"timestamp": "created_time", "direction": "ascending"}],
    }
    if conditions:
        sent["filter"] = conditions[0] if len(conditions) == 1 else {"and": conditions}
    return {**sent, "start_cursor": at["cursor"]} if "cursor" in at else sent


def _on_or_after(name: str, moment: str) -> dict[str, Any]:
    return {"timestamp": name, name: {"on_or_after": moment}}


def _following(position: str | None, answer: dict[str, Any]) -> str | None:
    """Return where the next page begins; a query that was cut off is continued by another."""
    at = dict(parse_qsl(position or ""))
    if answer["results"]:
        at["last"] = answer["results"][-1]["created_time"]
    if (answer.get("request_status") or {}).get("type") == "incomplete":
        at["cut"] = "off"
    if answer.get("has_more"):
        return urlencode({**at, "cursor": answer["next_cursor"]})
    if "cut" not in at:
        return None
    if at.get("last") in (None, at.get("created")):
        raise TrackerUnreachable(
            "Notion does not list all pages that were created within one minute"
        )
    return urlencode({"created": at["last"]})


def _labelled(value: dict[str, Any], label: str) -> dict[str, Any]:
    if value.get("type") == "select":
        return {"select": {"name": label}}
    names = [option["name"] for option in value.get("multi_select", ())]
    return {"multi_select": [{"name": name} for name in dict.fromkeys([*names, label])]}


def rich_text(note: CommentText) -> list[dict[str, Any]]:
    """Return a note as Notion writes text, its mark in a line of its own."""
    pieces = [[*line, TextPart("\n")] for line in note.lines]
    return [
        _rich(piece)
        for line in [*pieces, [TextPart(run_marker.visible_marker(note.run_id))]]
        for piece in line
    ]


def _rich(piece: TextPart) -> dict[str, Any]:
    link = {"link": {"url": piece.url}} if piece.url else {}
    return {"type": "text", "text": {"content": piece.text[:MAX_PART_LENGTH], **link}}


def _plain(parts: Any) -> str:
    return "".join(part.get("plain_text", "") for part in parts or ())


def open_tracker(provider: TicketProvider, credential: str, now: datetime) -> NotionPages:
    """Return the pages of a provider's data source."""
    headers = {"Authorization": f"Bearer {credential}", "Notion-Version": API_VERSION}
    base = provider.config.get("baseUrl", "https://api.notion.com")
    return NotionPages(TrackerHttp("Notion", base, now, headers), provider.config)
