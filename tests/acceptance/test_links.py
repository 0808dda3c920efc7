"""Every page behind the prefix of a stage: each link is followed, each form and file looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from app import app
from chalicelib import wiring
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.web.http.urls import PageUrls
from chalicelib.web.pages import PAGE_TABLE
from tests.conftest import Stage
from tests.support.browser import Answer, Browser, browser, schedule, task

__all__ = ["browser"]
LINKS = ("href", "src", "action", "hx-get", "data-log", "data-prompt", "data-cron-field")
ABSOLUTE = "data-absolute"
OTHERS = ("https://example.com", "mailto:")
MOST = 250


class Links(HTMLParser):
    """The links of a page: (attribute, value)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: text for name, text in attrs if text is not None}
        self.found += [(n, t) for n, t in named.items() if n in (*LINKS, ABSOLUTE)]
        if tag == "form" and "action" not in named:
            self.found.append(("action", ""))


@dataclass
class Walk:
    """A reader who follows every link there is, at an address with or without a prefix."""

    browser: Browser
    root: str
    seen: set[str] = field(default_factory=set)
    pages: dict[str, Answer] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)

    def inside(self, url: str, where: str) -> str | None:
        """Return the path of a link within the service, and note one that leads out of it."""
        if not url.startswith(self.root + "/"):
            if not url.startswith(OTHERS):
                self.strays.append(f"{where} leads to {url}")
            return None
        return url.removeprefix(self.root).partition("#")[0]

    def walk(self, *starts: str) -> None:
        waiting = list(starts)
        while waiting and len(self.pages) < MOST:
            path = waiting.pop(0)
            if path in self.seen:
                continue
            self.seen.add(path)
            answer = self.browser.send("GET", path)
            self.pages[path] = answer
            waiting += [to for to in self._leads(path, answer) if to not in self.seen]

    def _leads(self, path: str, answer: Answer) -> Iterator[str]:
        here = self.root + path
        if answer.status in (302, 303):
            to = self.inside(urljoin(here, answer.headers["Location"]), path)
            if to:
                yield to
        if "text/html" not in str(answer.headers.get("Content-Type", "")):
            return
        for name, text in Links(answer.text).found:
            to = self.inside(urljoin(here, text), f"{name} of {path}")
            if to and name == "action":
                yield from self._form(to, answer)
            elif to and name not in (ABSOLUTE, "data-prompt"):
                yield to

    def _form(self, to: str, answer: Answer) -> Iterator[str]:
        known = pattern_of(urlsplit(to).path)
        if known is None or not {"POST", "GET"} & set(app.routes[known]):
            self.strays.append(f"no form may be sent to {to}")
        yield from ()


def pattern_of(path: str) -> str | None:
    """Return the route that answers a path, the one with fewer names first."""
    for pattern in sorted(app.routes, key=lambda one: one.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            return str(pattern)
    return None


@pytest.fixture
def full(browser: Browser) -> dict[str, str]:
    """A stage with something of everything; the ids that no page links to."""
    stage = browser.stage
    hook = {"type": "webhook", "config": {"path": "in", "secret": "a-secret-of-24-characters"}}
    ticket = {"type": "ticket", "config": {"source": "github"}}
    body = task(triggers=[schedule(), hook, ticket], paramsSchema={"properties": {"what": {}}})
    stage.ok("POST", "/api/tasks", body)
    stage.ok("POST", "/api/tasks", task(name="Paused", enabled=False, repoUrl="https://e.org/a/b"))
    stage.pass_time(timedelta(minutes=11))
    stage.ok("POST", "/api/prompt-templates", {"name": "T", "template": "Do {{x}}"})
    stage.ok("POST", "/api/repos", {"repoUrl": "acme/web"})
    stage.ok("PUT", "/api/secrets/TOKEN", {"value": "a-value-to-hide"})
    provider = {"source": "github", "config": {"repo": "acme/web"}, "credential": "x"}
    stage.ok("POST", "/api/tickets/providers", provider)
    hooked = stage.ok("POST", "/api/webhooks", {"url": "https://example.com/hook"})
    said = wiring.get_world().runs.list_newest(("repo-task",), None, 1)[0][0]
    _say(stage, said.id)
    return {"webhook": hooked["webhook"]["id"]}


def _say(stage: Stage, run_id: str) -> None:
    was = wiring.get_world().runs.get(run_id)
    new = replace(was, attempt=1, version=was.version + 1)
    wiring.get_world().runs.put(new, was)
    lines = [LogLine(seq=n, timestamp=stage.now, log_type="text", content="x") for n in (1, 2)]
    wiring.get_world().logs.write_lines(LogStream.of_attempt(new, 1), lines)


@pytest.mark.parametrize(
    "root", ["https://x.execute-api.eu-west-1.amazonaws.com/prod", "https://optio.example"]
)
def test_every_link_form_and_file_holds_at_any_address_under_a_strict_policy(
    browser: Browser, full: Any, root: str
):
    walk = Walk(browser, root)
    walk.walk("/tasks", "/welcome", "/login")

    assert walk.strays == []
    dead = {
        path: a.status for path, a in walk.pages.items() if a.status not in (200, 204, 302, 303)
    }
    assert dead == {}
    visited = {pattern_of(urlsplit(path).path) for path in walk.pages}
    reads = {path for method, path, *_ in PAGE_TABLE if method == "GET"}
    unlinked = {"/", "/tasks/{task_id}/outputs/{name}", "/static/{digest}/{name}"}
    assert reads - visited <= unlinked, "no page leads there"
    assert len(walk.pages) > 40
    for path, answer in walk.pages.items():
        if "text/html" in str(answer.headers.get("Content-Type", "")):
            _is_strict(path, answer)


def _is_strict(path: str, answer: Answer) -> None:
    """Have the page hold our policy, which nothing inline would satisfy."""
    policy = str(answer.headers["Content-Security-Policy"])
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text), path
    assert not re.search(r'(?:href|src|action)="/', answer.text), path


def test_links_are_relative_so_that_any_prefix_holds():
    assert PageUrls.of_path("/tasks").link_to("tasks", "new") == "./tasks/new"
    assert PageUrls.of_path("/tasks/scheduled/x").link_to("tasks", "a/b") == "../../tasks/a%2Fb"
    assert PageUrls.of_path("/tasks").link_to("tasks", q="a b", state=None) == "./tasks?q=a+b"


def test_a_write_leads_on_within_the_prefix(browser: Browser, full: Any):
    root = "https://x.execute-api.eu-west-1.amazonaws.com/prod"
    for path, form in (
        ("/tasks", {"do": "retry"}),
        ("/repos", {"repoUrl": "acme/docs"}),
        ("/secrets", {"name": "A", "value": "12345678"}),
        ("/tickets/sync", {}),
        (f"/settings/webhooks/{full['webhook']}", {"do": "pause"}),
        ("/logout", {}),
    ):
        answer = browser.post(path, **form)
        assert answer.status == 303, (path, answer.text)
        assert urljoin(root + path, answer.headers["Location"]).startswith(f"{root}/"), path
