"""Stateful trackers over real HTTP, which refuse what the real ones would refuse."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CREDENTIAL = "lin_api_credential-of-tests"
Answer = tuple[int, dict[str, str], Any]


@dataclass
class Item:
    """One ticket of a fake tracker."""

    number: int
    created_at: datetime
    updated_at: datetime
    labels: list[str] = field(default_factory=list)
    open: bool = True
    pull_request: bool = False
    comments: list[str] = field(default_factory=list)


class FakeTracker:
    """What every fake shares: tickets, a clock, a way to fail, and a list of requests."""

    source = ""
    page = 100

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.items: dict[int, Item] = {}
        self.requests: list[tuple[str, int]] = []
        self.broken: Callable[[], Answer | None] = lambda: None
        self.url = ""

    def add(self, *labels: str, **more: Any) -> Item:
        number = len(self.items) + 1
        at = more.pop("at", self.now())
        item = Item(number, at + timedelta(milliseconds=number), at, list(labels), **more)
        self.items[number] = item
        return item

    def label(self, item: Item, *labels: str) -> None:
        item.labels[:] = labels
        item.updated_at = self.now()

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        failure = self.broken()
        return failure or self.real(method, path, query, headers, body)

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        raise NotImplementedError

    def limit(self) -> Answer:
        return 429, {"Retry-After": "120"}, {"message": "slow down"}

    def oldest(self) -> list[Item]:
        return sorted(self.items.values(), key=lambda item: item.created_at)

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url}

    def external_id(self, item: Item) -> str:
        raise NotImplementedError


class FakeGitHub(FakeTracker):
    source = "github"

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        if CREDENTIAL not in headers.get("Authorization", ""):
            return 401, {}, {"message": "Bad credentials"}
        if match := re.fullmatch(r"/repos/acme/web/issues/(\d+)/comments", path):
            said = self.items[int(match[1])].comments
            user = {"login": "ann"}
            return (
                200,
                {},
                [{"user": user, "body": b, "created_at": "2026-05-04T12:00:00Z"} for b in said],
            )
        if (method, path) != ("GET", "/repos/acme/web/issues"):
            return 404, {}, {"message": "Not Found"}
        size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
        if not 1 <= size <= 100 or query["sort"] != "created" or query["direction"] != "asc":
            return 422, {}, {"message": "Validation Failed"}
        since = datetime.fromisoformat(query.get("since", "1970-01-01T00:00:00Z"))
        found = [
            item
            for item in self.oldest()
            if item.updated_at.replace(microsecond=0) >= since
            and (item.open or query.get("state", "open") == "all")
        ]
        shown = [self._issue(item) for item in found[(number - 1) * size : number * size]]
        etag = 'W/"' + sha256(json.dumps([shown, query]).encode()).hexdigest() + '"'
        if headers.get("If-None-Match") == etag:
            return 304, {"ETag": etag}, None
        more = {}
        if len(found) > number * size:
            more["Link"] = f'<{self.url}{path}?page={number + 1}>; rel="next"'
        elif number > 1:
            more["Link"] = f'<{self.url}{path}?page=1>; rel="first"'
        return 200, {"ETag": etag, **more}, shown

    def _issue(self, item: Item) -> dict[str, Any]:
        issue: dict[str, Any] = {
            "number": item.number,
            "title": f"Ticket {item.number}",
            "body": "Please.",
            "html_url": f"https://github.com/acme/web/issues/{item.number}",
            "updated_at": f"{item.updated_at:%Y-%m-%dT%H:%M:%SZ}",
            "state": "open" if item.open else "closed",
            "labels": [{"name": name} for name in item.labels],
            "user": {"login": "ann"},
            "assignees": [{"login": "bob"}],
        }
        return issue | ({"pull_request": {}} if item.pull_request else {})

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url, "repo": "acme/web"}

    def external_id(self, item: Item) -> str:
        return f"acme/web#{item.number}"


class FakeLinear(FakeTracker):
    source = "linear"
    page = 50
    validate: Callable[[str], list[str]] = staticmethod(lambda query: [])

    def limit(self) -> Answer:
        reset = int((self.now() + timedelta(minutes=2)).timestamp() * 1000)
        error = {"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}}
        return 400, {"X-RateLimit-Requests-Reset": str(reset)}, {"errors": [error]}

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        if (method, path) != ("POST", "/graphql"):
            return 404, {}, {}
        if headers.get("Authorization") != CREDENTIAL:
            return 401, {}, {"errors": [{"message": "Authentication required"}]}
        faults = self.validate(body["query"])
        given = body["variables"]
        if faults or given["first"] > self.page:
            return 400, {}, {"errors": [{"message": str(faults or "first is at most 50")}]}
        if "id" in given:
            item = self.items[int(given["id"])]
            nodes = [
                {"body": b, "createdAt": "2026-05-04T12:00:00Z", "user": {"displayName": "Ann"}}
                for b in item.comments
            ]
            info = {"hasNextPage": False, "endCursor": None}
            return 200, {}, {"data": {"issue": {"comments": {"nodes": nodes, "pageInfo": info}}}}
        since = given["filter"].get("updatedAt", {}).get("gte", "1970-01-01T00:00:00+00:00")
        hidden = given["filter"].get("state", {}).get("type", {}).get("nin", [])
        found = [
            item
            for item in reversed(self.oldest())
            if item.updated_at >= datetime.fromisoformat(since)
            and not (not item.open and "completed" in hidden)
        ]
        if given["after"]:
            found = [item for item in found if item.number < int(given["after"])]
        shown = found[: given["first"]]
        info = {
            "hasNextPage": len(found) > len(shown),
            "endCursor": str(shown[-1].number) if shown else None,
        }
        data = {"issues": {"nodes": [self._issue(item) for item in shown], "pageInfo": info}}
        return 200, {}, {"data": data}

    def _issue(self, item: Item) -> dict[str, Any]:
        return {
            "id": str(item.number),
            "identifier": f"ENG-{item.number}",
            "title": f"Ticket {item.number}",
            "description": "Please.",
            "url": f"https://linear.app/acme/issue/ENG-{item.number}",
            "updatedAt": item.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "creator": {"displayName": "Ann"},
            "state": {"type": "started" if item.open else "completed"},
            "labels": {"nodes": [{"name": name} for name in item.labels]},
        }

    def external_id(self, item: Item) -> str:
        return f"ENG-{item.number}"


class FakeJira(FakeTracker):
    source = "jira"

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        pair = base64.b64encode(f"ann@acme.test:{CREDENTIAL}".encode()).decode()
        if headers.get("Authorization") != f"Basic {pair}":
            return 401, {}, {"errorMessages": ["Client must be authenticated"]}
        if match := re.fullmatch(r"/rest/api/3/issue/OPS-(\d+)/comment", path):
            said = self.items[int(match[1])].comments
            shown = [
                {
                    "author": {"displayName": "Ann"},
                    "body": _document(b),
                    "created": "2026-05-04T12:00:00.000+0000",
                }
                for b in said
            ]
            return 200, {}, {"comments": shown, "total": len(said), "startAt": 0}
        if (method, path) != ("POST", "/rest/api/3/search/jql"):
            return 404, {}, {}
        known = {"jql", "fields", "maxResults", "nextPageToken", "expand", "properties"}
        asked = re.fullmatch(
            r'(?:(updated >= -(\d+)m)|(statusCategory != Done AND created >= "1970-01-01"))'
            r" ORDER BY created ASC",
            body["jql"],
        )
        if set(body) - known or not asked or not 1 <= body["maxResults"] <= 5000:
            return 400, {}, {"errorMessages": ["the query is unbounded, or not understood"]}
        since = (
            self.now() - timedelta(minutes=int(asked[2]))
            if asked[2]
            else datetime(1970, 1, 1, tzinfo=UTC)
        )
        found = [i for i in self.oldest() if i.updated_at >= since and (i.open or asked[2])]
        start = int(body.get("nextPageToken", "0"))
        # Jira gives a hundred at most, however many are asked for.
        shown = found[start : start + min(100, body["maxResults"])]
        answer: dict[str, Any] = {"issues": [self._issue(item) for item in shown]}
        if start + len(shown) < len(found):
            answer["nextPageToken"] = str(start + len(shown))
        return 200, {}, answer

    def _issue(self, item: Item) -> dict[str, Any]:
        return {
            "id": str(item.number),
            "key": f"OPS-{item.number}",
            "fields": {
                "summary": f"Ticket {item.number}",
                "description": _document("Please."),
                "labels": item.labels,
                "updated": item.updated_at.isoformat(timespec="milliseconds")[:-6] + "+0000",
                "status": {"statusCategory": {"key": "new" if item.open else "done"}},
                "creator": {"displayName": "Ann"},
            },
        }

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url, "email": "ann@acme.test"}

    def external_id(self, item: Item) -> str:
        return f"OPS-{item.number}"


def _document(text: str) -> dict[str, Any]:
    inner = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": inner}


class FakeNotion(FakeTracker):
    source = "notion"

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        if headers.get("Authorization") != f"Bearer {CREDENTIAL}":
            return 401, {}, {"code": "unauthorized"}
        if headers.get("Notion-Version") != "2025-09-03":
            return 400, {}, {"code": "missing_version"}
        if re.fullmatch(r"/v1/blocks/page-\d+/children", path):
            text = {"rich_text": [{"plain_text": "Please."}]}
            block = {"type": "paragraph", "paragraph": text}
            return 200, {}, {"results": [block], "has_more": False, "next_cursor": None}
        if path == "/v1/comments":
            said = self.items[int(query["block_id"].removeprefix("page-"))].comments
            shown = [
                {
                    "created_by": {"id": "ann"},
                    "rich_text": [{"plain_text": b}],
                    "created_time": "2026-05-04T12:00:00.000Z",
                }
                for b in said
            ]
            return 200, {}, {"results": shown, "has_more": False, "next_cursor": None}
        if (method, path) != ("POST", "/v1/data_sources/ds-1/query"):
            return 404, {}, {"code": "object_not_found"}
        if set(body) - {"page_size", "sorts", "filter", "start_cursor"} or body["page_size"] > 100:
            return 400, {}, {"code": "validation_error"}
        after = body.get("filter", {}).get("last_edited_time", {}).get("on_or_after")
        since = datetime.fromisoformat(after) if after else datetime(1970, 1, 1, tzinfo=UTC)
        found = [i for i in self.oldest() if i.updated_at.replace(second=0, microsecond=0) >= since]
        start = int(body.get("start_cursor", "0"))
        shown = found[start : start + body["page_size"]]
        more = start + len(shown) < len(found)
        following = str(start + len(shown)) if more else None
        results = [self._page(item) for item in shown]
        return 200, {}, {"results": results, "has_more": more, "next_cursor": following}

    def _page(self, item: Item) -> dict[str, Any]:
        return {
            "id": f"page-{item.number}",
            "url": f"https://notion.so/page-{item.number}",
            "last_edited_time": f"{item.updated_at:%Y-%m-%dT%H:%M:00.000Z}",
            "in_trash": False,
            "properties": {
                "Name": {"type": "title", "title": [{"plain_text": f"Ticket {item.number}"}]},
                "Tags": {
                    "type": "multi_select",
                    "multi_select": [{"name": n} for n in item.labels],
                },
                "Status": {"type": "status", "status": {"name": "To do" if item.open else "Done"}},
            },
        }

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url, "dataSourceId": "ds-1"}

    def external_id(self, item: Item) -> str:
        return f"page-{item.number}"


FAKES: dict[str, type[FakeTracker]] = {
    fake.source: fake for fake in (FakeGitHub, FakeLinear, FakeJira, FakeNotion)
}


@contextmanager
def serving(tracker: FakeTracker) -> Iterator[FakeTracker]:
    """Let a fake listen on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            query = {name: found[-1] for name, found in parse_qs(parts.query).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            status, headers, answer = tracker.answer(
                self.command, parts.path, query, self.headers, body
            )
            tracker.requests.append((f"{self.command} {self.path}", status))
            sent = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    tracker.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield tracker
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
