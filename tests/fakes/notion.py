"""A Notion of our own: a data source whose pages are queried, commented on and given a status."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.fakes.description import Description
from tests.fakes.tracker import CREDENTIAL, SAID_AT, Answer, FakeTracker, Item, Said


class FakeNotion(FakeTracker):
    source = "notion"
    most = 10_000
    """The results of one query, however many match."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.description = Description.load("notion")

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        if headers.get("Authorization") != f"Bearer {CREDENTIAL}":
            return 401, {}, {"code": "unauthorized"}
        if headers.get("Notion-Version") != "2025-09-03":
            return 400, {}, {"code": "missing_version"}
        if (method, path) == ("POST", "/v1/data_sources/ds-1/query"):
            return self._query(body)
        if re.fullmatch(r"/v1/blocks/page-\d+/children", path):
            text = {"rich_text": [{"plain_text": "Please."}]}
            return _listed([{"type": "paragraph", "paragraph": text}])
        if path == "/v1/comments":
            return self._comments(query) if method == "GET" else self._say(body)
        if found := re.fullmatch(r"/v1/comments/(\d+)", path):
            return self._edit(found[1], body)
        if found := re.fullmatch(r"/v1/pages/page-(\d+)", path):
            item = self.items[int(found[1])]
            return self._change(item, body) if method == "PATCH" else (200, {}, self._page(item))
        return 404, {}, {"code": "object_not_found"}

    def _query(self, body: Any) -> Answer:
        if set(body) - {"page_size", "sorts", "filter", "start_cursor"} or body["page_size"] > 100:
            return 400, {}, {"code": "validation_error"}
        filters = body.get("filter", {}).get("and", [body.get("filter", {})])
        edited = _minute(filters, "last_edited_time")
        created = _minute(filters, "created_time")
        matching = [
            item
            for item in self.oldest()
            if _floor(item.updated_at) >= edited and _floor(item.created_at) >= created
        ]
        found, whole = matching[: self.most], len(matching) <= self.most
        if cursor := body.get("start_cursor"):
            number = self.behind(cursor)
            if number is None:
                return 400, {}, {"code": "validation_error"}
            found = [item for item in found if item.number > number]
        shown = found[: body["page_size"]]
        more = self.cursor(shown[-1]) if len(shown) < len(found) else None
        status, headers, said = _listed([self._page(item) for item in shown], more)
        if not whole:
            reason = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
            said["request_status"] = reason
        return status, headers, said

    def _comments(self, query: dict[str, str]) -> Answer:
        said = self.items[int(query["block_id"].removeprefix("page-"))].said
        start, size = int(query.get("start_cursor", 0)), int(query["page_size"])
        following = str(start + size) if len(said) > start + size else None
        return _listed([_comment(one) for one in said[start : start + size]], following)

    def _say(self, body: Any) -> Answer:
        item = self.items[int(body["parent"]["page_id"].removeprefix("page-"))]
        if any(len(piece["text"]["content"]) > 2000 for piece in body["rich_text"]):
            return 400, {}, {"code": "validation_error"}
        item.updated_at = self.now()
        return 200, {}, _comment(item.say(body["rich_text"]))

    def _edit(self, comment_id: str, body: Any) -> Answer:
        found = self.comment(comment_id)
        # Of others' comments it says that they are not there.
        if found is None or not found[1].ours or ("rich_text" in body) == ("markdown" in body):
            return 404, {}, {"code": "object_not_found"}
        self.edited(found[1], body["rich_text"])
        return 200, {}, {"object": "comment", "id": comment_id}

    def _change(self, item: Item, body: Any) -> Answer:
        if status := body["properties"].get("Status"):
            item.open = status["status"]["name"] != "Done"
        if tags := body["properties"].get("Tags"):
            self.label(item, *(option["name"] for option in tags["multi_select"]))
        item.updated_at = self.now()
        return 200, {}, self._page(item)

    def _page(self, item: Item) -> dict[str, Any]:
        return {
            "object": "page",
            "id": f"page-{item.number}",
            "url": f"https://notion.so/page-{item.number}",
            "created_time": f"{item.created_at:%Y-%m-%dT%H:%M:00.000Z}",
            "last_edited_time": f"{item.updated_at:%Y-%m-%dT%H:%M:00.000Z}",
            "in_trash": False,
            "properties": {
                "Name": {"type": "title", "title": [{"plain_text": item.title}]},
                "Tags": {
                    "type": "multi_select",
                    "multi_select": [{"name": n} for n in item.labels],
                },
                "Status": {"type": "status", "status": {"name": "To do" if item.open else "Done"}},
            },
        }

    def text(self, said: Said) -> str:
        return "".join(piece["text"]["content"] for piece in said.text)

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url, "dataSourceId": "ds-1"}

    @property
    def done(self) -> dict[str, str]:
        return {**super().done, "statusProperty": "Status", "labelsProperty": "Tags"}

    def external_id(self, item: Item) -> str:
        return f"page-{item.number}"


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _minute(filters: list[dict[str, Any]], name: str) -> datetime:
    told = next((one[name]["on_or_after"] for one in filters if name in one), None)
    return datetime.fromisoformat(told) if told else datetime(1970, 1, 1, tzinfo=UTC)


def _listed(results: list[dict[str, Any]], following: str | None = None) -> Answer:
    more = following is not None
    return 200, {}, {"results": results, "has_more": more, "next_cursor": following}


def _comment(said: Said) -> dict[str, Any]:
    texts = [p["text"]["content"] for p in said.text] if said.ours else [said.text]
    return {
        "id": said.id,
        "created_by": {"id": "optio" if said.ours else "ann"},
        "rich_text": [{"plain_text": text} for text in texts],
        "created_time": f"{SAID_AT}.000Z",
    }
