"""Shared parts of every fake tracker: tickets, a clock, a way to fail, and a server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.description import Description

CREDENTIAL = "lin_api_credential-of-tests"
Answer = tuple[int, dict[str, str], Any]
SAID_AT = "2026-05-04T12:00:00"


@dataclass
class Said:
    """A comment, and how often it was edited; ours if we made it."""

    id: str
    text: Any
    ours: bool = False
    edits: int = 0
    who: str = "ann"


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
    title: str = ""
    body: str = "Please."
    said: list[Said] = field(default_factory=list)
    author: str = "ann"
    setters: dict[str, str] = field(default_factory=dict)
    """The person who set a label, if it was not the author."""

    def __post_init__(self) -> None:
        self.title = self.title or f"Ticket {self.number}"
        self.said += [Said(f"{self.number}00{i}", text) for i, text in enumerate(self.comments)]

    def say(self, text: Any) -> Said:
        made = Said(f"{self.number}00{len(self.said)}", text, ours=True)
        self.said.append(made)
        return made

    @property
    def ours(self) -> list[Said]:
        return [one for one in self.said if one.ours]


class FakeTracker:
    """Tickets, a clock, a way to fail, and a list of requests."""

    source = ""
    page = 100
    description: Description | None = None
    undescribed: frozenset[str] = frozenset()
    """Parameters that exist, though the description does not know them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.items: dict[int, Item] = {}
        self.requests: list[tuple[str, int]] = []
        self.wrong: list[str] = []
        self.broken: Callable[[], Answer | None] = lambda: None
        self.late: Callable[[str, str], Answer | None] = lambda method, path: None
        self.generation = 0
        self.team = ""
        """The team or project that tickets have moved to, where that is another."""
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
        """Return what the tracker would; both ways are held against its description."""
        failure = self.broken()
        if failure:
            return failure
        if self.description:
            told = {name: text for name, text in query.items() if name not in self.undescribed}
            self.wrong += self.description.request(method, path, told, body)
        status, more, said = self.real(method, path, query, headers, body)
        if self.description and status < 400 and status != 304:
            self.wrong += self.description.answer(method, path, status, said)
        return self.late(method, path) or (status, more, said)

    def real(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answer:
        raise NotImplementedError

    def limit(self) -> Answer:
        """Return this tracker's own answer for: slow down, for two minutes."""
        return 429, {"Retry-After": "120"}, {"message": "slow down"}

    def expire(self) -> None:
        """Forget the positions of next pages."""
        self.generation += 1

    def cursor(self, item: Item) -> str:
        """Return what leads on behind a ticket."""
        return f"{self.generation}.{item.number}"

    def behind(self, cursor: str) -> int | None:
        """Return the number of the ticket that a cursor leads on from, if it is still known."""
        generation, _, number = cursor.partition(".")
        return int(number) if int(generation) == self.generation else None

    def oldest(self) -> list[Item]:
        return sorted(self.items.values(), key=lambda item: item.created_at)

    def text(self, said: Said) -> str:
        """Return what a reader sees of a comment."""
        raise NotImplementedError

    def edited(self, said: Said, text: Any) -> None:
        said.text = text
        said.edits += 1

    def comment(self, comment_id: str) -> tuple[Item, Said] | None:
        pairs = [(item, said) for item in self.items.values() for said in item.said]
        return next((pair for pair in pairs if pair[1].id == comment_id), None)

    @property
    def config(self) -> dict[str, str]:
        return {"baseUrl": self.url}

    @property
    def done(self) -> dict[str, str]:
        """The config with which a ticket is done when its run is."""
        return {**self.config, "doneState": "Done", "doneLabel": "by-agent"}

    def external_id(self, item: Item) -> str:
        raise NotImplementedError


@contextmanager
def serving(tracker: FakeTracker) -> Iterator[FakeTracker]:
    """Let a fake listen on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes

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
            if status not in (204, 304):
                self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815

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
    assert tracker.wrong == [], tracker.wrong
