"""A Jira of our own: searched, commented on, labelled, moved along its workflow."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.fakes.description import Description
from tests.fakes.tracker import CREDENTIAL, SAID_AT, Answer, FakeTracker, Item, Said


class FakeJira(FakeTracker):
    source = "jira"

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.description = Description.load("jira")

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        pair = base64.b64encode(f"ann@acme.test:{CREDENTIAL}".encode()).decode()
        if headers.get("Authorization") != f"Basic {pair}":
            return 401, {}, {"errorMessages": ["Client must be authenticated"]}
        if (method, path) == ("POST", "/rest/api/3/search/jql"):
            return self._search(body)
        found = re.fullmatch(
            r"/rest/api/3/issue/(?:[A-Z]+-)?(\d+)(/comment|/transitions)?(?:/(\w+))?", path
        )
        item = self.items.get(int(found[1])) if found else None
        if found is None or item is None:
            return 404, {}, {"errorMessages": ["Issue does not exist"]}
        route = {
            ("GET", "/comment"): self._comments,
            ("POST", "/comment"): self._say,
            ("PUT", "/comment"): self._edit,
            ("GET", "/transitions"): self._transitions,
            ("POST", "/transitions"): self._move,
            ("GET", None): self._whole,
            ("PUT", None): self._change,
        }[method, found[2]]
        return route(item, query, body, found[3] or "")

    def _search(self, body: Any) -> Answer:
        asked = re.fullmatch(
            r'(?:(updated >= (\d{12,13}))|(statusCategory != Done AND created >= "1970-01-01"))'
            r" ORDER BY created ASC",
            body["jql"],
        )
        if not asked or not 1 <= body["maxResults"] <= 5000:
            return 400, {}, {"errorMessages": ["the query is unbounded, or not understood"]}
        since = datetime.fromtimestamp(int(asked[2] or 0) / 1000, UTC)
        found = [i for i in self.oldest() if i.updated_at >= since and (i.open or asked[2])]
        if token := body.get("nextPageToken"):
            jql, _, cursor = token.partition(" after ")
            number = self.behind(cursor)
            if jql != body["jql"] or number is None:
                return 400, {}, {"errorMessages": ["the token is not of this query, or too old"]}
            found = [item for item in found if item.number > number]
        # Jira gives a hundred at most, however many are asked for.
        shown = found[: min(100, body["maxResults"])]
        last = len(shown) == len(found)
        answer: dict[str, Any] = {"issues": [self._issue(item) for item in shown], "isLast": last}
        if not last:
            answer["nextPageToken"] = f"{body['jql']} after {self.cursor(shown[-1])}"
        return 200, {}, answer

    def _comments(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        start, size = int(query["startAt"]), min(100, int(query["maxResults"]))
        shown = [_comment(said) for said in item.said[start : start + size]]
        total = len(item.said)
        return 200, {}, {"comments": shown, "total": total, "startAt": start, "maxResults": size}

    def _say(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        if not _is_document(body["body"]):
            return 400, {}, {"errorMessages": ["Comment body is not valid!"]}
        item.updated_at = self.now()
        return 201, {}, _comment(item.say(body["body"]))

    def _edit(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        found = self.comment(key)
        if found is None or found[0] is not item:
            return 404, {}, {"errorMessages": ["Can not find a comment for the id"]}
        if not _is_document(body["body"]):
            return 400, {}, {"errorMessages": ["Comment body is not valid!"]}
        self.edited(found[1], body["body"])
        return 200, {}, _comment(found[1])

    def _transitions(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        # As workflows do, it offers no way to where an issue is.
        ways = [{"id": "31", "name": "Finish", "to": {"name": "Done"}}] if item.open else []
        ways += [{"id": "21", "name": "Begin", "to": {"name": "In Progress"}}]
        return 200, {}, {"transitions": ways}

    def _move(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        item.open = body["transition"]["id"] != "31"
        item.updated_at = self.now()
        return 204, {}, None

    def _whole(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        return 200, {}, self._issue(item)

    def _change(self, item: Item, query: dict[str, str], body: Any, key: str) -> Answer:
        added = [change["add"] for change in body["update"]["labels"]]
        if any(" " in label for label in added):
            return 400, {}, {"errors": {"labels": "a label holds no space"}}
        self.label(item, *dict.fromkeys([*item.labels, *added]))
        return 204, {}, None

    def _issue(self, item: Item) -> dict[str, Any]:
        name, category = ("To Do", "new") if item.open else ("Done", "done")
        return {
            "id": str(item.number),
            "key": f"{self.team or 'OPS'}-{item.number}",
            "fields": {
                "summary": item.title,
                "description": _document(item.body),
                "labels": item.labels,
                "updated": item.updated_at.isoformat(timespec="milliseconds")[:-6] + "+0000",
                "status": {"name": name, "statusCategory": {"key": category}},
                "creator": {"displayName": "Ann"},
            },
        }

    def text(self, said: Said) -> str:
        lines = said.text["content"]
        return "\n".join("".join(p["text"] for p in line["content"]) for line in lines)

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url, "email": "ann@acme.test"}

    def external_id(self, item: Item) -> str:
        return f"{self.team or 'OPS'}-{item.number}"


def _document(text: str) -> dict[str, Any]:
    inner = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": inner}


def _is_document(body: Any) -> bool:
    """Whether Jira would take it: a document, in which no text is empty."""
    texts = [node for line in body.get("content", ()) for node in line.get("content", ())]
    return (body.get("type"), body.get("version")) == ("doc", 1) and all(t["text"] for t in texts)


def _comment(said: Said) -> dict[str, Any]:
    return {
        "id": said.id,
        "author": {"displayName": "Optio" if said.ours else "Ann"},
        "body": said.text if isinstance(said.text, dict) else _document(said.text),
        "created": f"{SAID_AT}.000+0000",
    }
