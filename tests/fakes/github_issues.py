"""Issues of a GitHub of our own: listed, commented on, labelled, closed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from tests.fakes.description import Description
from tests.fakes.tracker import CREDENTIAL, SAID_AT, Answer, FakeTracker, Item, Said

MOST_PAGES = 10
"""Later pages are listed by a cursor alone."""


class IssueBook:
    """The issues of one repo, and what its API answers below `/issues`."""

    def __init__(self, slug: str, web_url: str, now: Callable[[], datetime]) -> None:
        self.slug, self.web_url, self.now = slug, web_url, now
        self.items: dict[int, Item] = {}
        self.noise = 0
        """How many other events stand in a timeline before those of labels."""
        self.permissions = {"ann": "write", "bob": "admin"}

    def add(self, number: int, labels: list[str], **more: Any) -> Item:
        at = self.now()
        self.items[number] = Item(number, at, at, list(labels), **more)
        return self.items[number]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if (method, path) == ("GET", "/issues"):
            return self._list(query)
        if found := re.fullmatch(r"/issues/comments/(\d+)", path):
            return self._edit(found[1], body) if method == "PATCH" else _no(404)
        if found := re.fullmatch(r"/collaborators/([^/]+)/permission", path):
            role = self.permissions.get(found[1], "read")
            return 200, {}, {"permission": role, "role_name": role, "user": {"login": found[1]}}
        found = re.fullmatch(r"/issues/(\d+)(/comments|/labels|/timeline)?", path)
        item = self.items.get(int(found[1])) if found else None
        if found is None or item is None:
            return _no(404)
        route = {
            ("GET", "/comments"): self._comments,
            ("GET", "/timeline"): self._timeline,
            ("POST", "/comments"): self._say,
            ("POST", "/labels"): self._label,
            ("PATCH", None): self._change,
        }.get((method, found[2]))
        return route(item, query, body) if route else _no(404)

    def _list(self, query: dict[str, str]) -> Answer:
        size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
        if not 1 <= size <= 100 or query["sort"] != "updated" or query["direction"] != "asc":
            return _no(422)
        if number > MOST_PAGES and "after" not in query:
            return _no(422)
        since = datetime.fromisoformat(query.get("since", "1970-01-01T00:00:00Z"))
        found = [
            item
            for item in sorted(self.items.values(), key=_changed)
            if item.updated_at.replace(microsecond=0) >= since
            and (item.open or query.get("state", "open") == "all")
        ]
        start = (number - 1) * size
        if "after" in query:
            at = query["after"].split("_")
            start = sum(_changed(item) <= (float(at[0]), int(at[1])) for item in found)
        return self._linked(query, found[start : start + size], len(found) > start + size)

    def _linked(self, query: dict[str, str], shown: list[Item], more: bool) -> Answer:
        number = int(query.get("page", 1))
        path = f"{self.web_url}?"
        link = ""
        if more:
            at = "_".join(str(part) for part in _changed(shown[-1]))
            following = {**query, "page": str(number + 1), "after": at}
            link = f'<{path}{urlencode(following)}>; rel="next"'
        elif number > 1:
            link = f'<{path}page=1>; rel="first"'
        return 200, {"Link": link} if link else {}, [self.view(item) for item in shown]

    def _comments(self, item: Item, query: dict[str, str], body: Any) -> Answer:
        size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
        shown = item.said[(number - 1) * size : number * size]
        link = f'<{self.web_url}?page={number + 1}>; rel="next"'
        more = {"Link": link} if len(item.said) > number * size else {}
        return 200, more, [_comment(said) for said in shown]

    def _timeline(self, item: Item, query: dict[str, str], body: Any) -> Answer:
        """Return the person who set each label; a form sets its own in the author's name."""
        size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
        noise = [{"event": "subscribed", "actor": {"login": "eve"}} for _ in range(self.noise)]
        events = noise + [
            {
                "event": "labeled",
                "actor": {"login": item.setters.get(name, item.author)},
                "label": {"name": name},
            }
            for name in item.labels
        ]
        return 200, {}, events[(number - 1) * size : number * size]

    def _say(self, item: Item, query: dict[str, str], body: Any) -> Answer:
        made = item.say(body["body"])
        item.updated_at = self.now()
        return 201, {}, _comment(made)

    def _edit(self, comment_id: str, body: Any) -> Answer:
        for item in self.items.values():
            for said in item.said:
                if said.id == comment_id:
                    said.text, said.edits = body["body"], said.edits + 1
                    item.updated_at = self.now()
                    return 200, {}, _comment(said)
        return _no(404)

    def _label(self, item: Item, query: dict[str, str], body: Any) -> Answer:
        item.labels[:] = list(dict.fromkeys([*item.labels, *body["labels"]]))
        item.updated_at = self.now()
        return 200, {}, [{"name": name} for name in item.labels]

    def _change(self, item: Item, query: dict[str, str], body: Any) -> Answer:
        item.open = body["state"] == "open"
        item.updated_at = self.now()
        return 200, {}, self.view(item)

    def view(self, item: Item) -> dict[str, Any]:
        issue: dict[str, Any] = {
            "id": 1000 + item.number,
            "number": item.number,
            "title": item.title,
            "body": item.body,
            "html_url": f"{self.web_url}/issues/{item.number}",
            "updated_at": f"{item.updated_at:%Y-%m-%dT%H:%M:%SZ}",
            "state": "open" if item.open else "closed",
            "labels": [{"name": name} for name in item.labels],
            "user": {"login": item.author},
            "assignees": [{"login": "bob"}],
        }
        return issue | ({"pull_request": {}} if item.pull_request else {})


def _changed(item: Item) -> tuple[float, int]:
    return item.updated_at.replace(microsecond=0).timestamp(), item.number


def _comment(said: Said) -> dict[str, Any]:
    user = {"login": "optio[bot]" if said.ours else said.who}
    return {
        "id": int(said.id),
        "body": said.text,
        "user": user,
        "created_at": f"{SAID_AT}Z",
        "updated_at": f"{SAID_AT}Z",
    }


def _no(status: int) -> Answer:
    message = {404: "Not Found", 422: "Validation Failed"}[status]
    return status, {}, {"message": message}


class FakeGitHub(FakeTracker):
    source = "github"
    undescribed = frozenset({"after"})

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(now)
        self.description = Description.load("github")
        self.book = IssueBook("acme/web", "https://github.com/acme/web", lambda: self.now())
        self.book.items = self.items

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        if CREDENTIAL not in headers.get("Authorization", ""):
            return 401, {}, {"message": "Bad credentials"}
        inside = path.removeprefix("/repos/acme/web")
        status, more, said = self.book.answer(method, inside, query, body)
        if method != "GET" or status != 200:
            return status, more, said
        etag = 'W/"' + sha256(json.dumps([said, query]).encode()).hexdigest() + '"'
        if headers.get("If-None-Match") == etag:
            return 304, {"ETag": etag}, None
        return 200, {"ETag": etag, **more}, said

    def limit(self) -> Answer:
        reset = int((self.now() + timedelta(minutes=2)).timestamp())
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return 403, headers, {"message": "API rate limit exceeded for user ID 1."}

    def text(self, said: Said) -> str:
        return re.sub(r"<!--.*?-->", "", said.text, flags=re.DOTALL).strip()

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url, "repo": "acme/web"}

    @property
    def done(self) -> dict[str, str]:
        return {**self.config, "doneState": "closed", "doneLabel": "by-agent"}

    def external_id(self, item: Item) -> str:
        return f"acme/web#{item.number}"
