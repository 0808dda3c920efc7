"""Every value that the API accepts is shown: on every page, by every command, in every answer."""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import hypothesis
import jsonschema
import pytest
from hypothesis import HealthCheck, Phase

from chalicelib.web.pages import PAGE_TABLE
from tests.conftest import TOKEN, Stage
from tests.support import odd_values
from tests.support.browser import Browser
from tests.support.cli import Terminal, served
from tests.support.odd_values import Body
from tests.support.runner_calls import runner

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
FEW, MANY = 2, 25
"""Examples of `make test` and of `make test-slow`; each has some forty bodies of odd values."""
LEAD_ELSEWHERE = (
    *("/", "/api/tasks/{task_id}/outputs/{name}", "/tasks/{task_id}/outputs/{name}"),
    *("/static/{digest}/{name}", "/login"),
)
"""Routes that redirect, or show nothing that was saved."""
SAVED = {
    "promptTemplate": "/api/prompt-templates",
    "repo": "/api/repos",
    "provider": "/api/tickets/providers",
    "webhook": "/api/webhooks",
    "apiKey": "/api/auth/api-keys",
}
OF_BLUEPRINTS = (
    *("/tasks/scheduled/{task_id}", "/tasks/scheduled/{task_id}/edit"),
    *("/api/tasks/{task_id}/firings", "/api/tasks/{task_id}/runs"),
    "/api/tasks/{task_id}/triggers",
)
OF_STANDALONES = (
    *("/api/jobs/{task_id}", "/api/jobs/{task_id}/runs", "/api/jobs/{task_id}/triggers"),
)
OF_REPO_BLUEPRINTS = ("/api/task-configs/{task_id}", "/api/task-configs/{task_id}/triggers")
OF_RUNS = (
    *("/tasks/{task_id}", "/tasks/{task_id}/log", "/api/tasks/{task_id}/events"),
    "/api/tasks/{task_id}/logs",
)
OF_WORKFLOW_RUNS = ("/api/workflow-runs/{task_id}", "/api/workflow-runs/{task_id}/logs")
OF_ENDPOINTS = (
    *("/api/webhooks/{webhook_id}", "/api/webhooks/{webhook_id}/deliveries"),
    "/settings/webhooks/{webhook_id}",
)


class Page(HTMLParser):
    """The tags, attributes and text of a page; raise where a tag is closed that is not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open_tags: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open_tags, f"never closed: {self.open_tags}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        self.tags.add(tag)
        self.attributes.update(names)
        self.texts += [value for _, value in attrs if value]
        if tag == "option":
            self._end_option()
        if tag not in VOID:
            self.open_tags.append(tag)

    def _end_option(self) -> None:
        """End the option before this tag, whose own end may be left out."""
        if self.open_tags and self.open_tags[-1] == "option":
            self.open_tags.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open_tags.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag != "option":
            self._end_option()
        assert self.open_tags, f"</{tag}> closes nothing"
        assert self.open_tags.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def shows(self, text: str) -> bool:
        """Return whether the page holds a text, ignoring blanks."""
        return plain(text) in plain("\n".join(self.texts))


def plain(text: str) -> str:
    """Return a text with one blank for each run of them, as a browser shows it."""
    return " ".join(text.replace("\0", "\N{REPLACEMENT CHARACTER}").split())


@dataclass
class Shown:
    """A stage with odd values, and who looks at it."""

    stage: Stage
    browser: Browser
    terminal: Terminal
    saved: dict[str, list[Body]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def save(self, kind: str, path: str, body: Body) -> Body:
        """Send a body, without the fields that are refused; return the answer, or nothing."""
        for _ in range(5):  # what is wrong as a whole is found once each part is right
            status, answer = self.stage.call("POST", path, body)
            assert status < 500, (path, body, answer)
            if status < 300:
                self.saved.setdefault(kind, []).append(answer[kind])
                return dict(answer)
            if status == 409:  # a name or a path that is taken
                return {}
            for fault in answer["details"]:
                remove_field(body, fault["field"])
        self.refused.append(f"{path}: {answer}")
        return {}

    def of(self, kind: str) -> list[Body]:
        return self.saved.get(kind, [])

    def listed(self, part: str) -> list[tuple[str, Body]]:
        """Return the parts of every blueprint, each with the blueprint's id."""
        return [
            (owner["id"], one)
            for owner in self.of("task")
            for one in self.stage.ok("GET", f"/api/tasks/{owner['id']}/{part}")[part]
        ]

    def runs(self) -> list[Body]:
        """Return every run, whole."""
        return [
            self.stage.ok("GET", f"/api/tasks/{run['id']}")["task"]
            for _, run in self.listed("runs")
        ]


def addresses(shown: Shown) -> dict[str, list[Body]]:
    """Return what the parameters of each kind of route can be."""
    runs, blueprints = shown.listed("runs"), [{"task_id": one["id"]} for one in shown.of("task")]
    standalones, repo_blueprints = (
        [{"task_id": one["id"]} for one in shown.of("task") if one["type"] == kind]
        for kind in ("standalone", "repo-blueprint")
    )
    of_runs = [{"task_id": run["id"]} for _, run in runs]
    of_workflow_runs = [{"task_id": run["id"]} for _, run in runs if run["type"] == "workflow-run"]
    triggers = shown.listed("triggers")
    schedules = [(owner, one) for owner, one in triggers if one["type"] == "schedule"]
    of_triggers, of_schedules = (
        [{"task_id": owner, "trigger_id": one["id"]} for owner, one in found]
        for found in (triggers, schedules)
    )
    firings = [{"task_id": owner, "firing_id": one["id"]} for owner, one in shown.listed("firings")]
    endpoints = [{"webhook_id": one["id"]} for one in shown.of("webhook")]
    return {
        **dict.fromkeys(OF_BLUEPRINTS, blueprints),
        **dict.fromkeys(OF_STANDALONES, standalones),
        **dict.fromkeys(OF_REPO_BLUEPRINTS, repo_blueprints),
        **dict.fromkeys(OF_RUNS, of_runs),
        **dict.fromkeys(OF_WORKFLOW_RUNS, of_workflow_runs),
        "/api/tasks/{task_id}": [*blueprints, *of_runs],
        "/api/tasks/{task_id}/runs/{run_id}": [
            {"task_id": owner, "run_id": run["id"]} for owner, run in runs
        ],
        "/api/tasks/{task_id}/triggers/{trigger_id}/explain": of_schedules,
        "/api/tasks/{task_id}/triggers/{trigger_id}/firings": of_triggers,
        "/tasks/scheduled/{task_id}/triggers/{trigger_id}": of_triggers,
        "/tasks/scheduled/{task_id}/firings/{firing_id}": firings,
        "/api/firings/{firing_id}": firings,
        "/api/repos/{repo}": [{"repo": one["id"]} for one in shown.of("repo")],
        "/api/prompt-templates/{template_id}": [
            {"template_id": one["id"]} for one in shown.of("promptTemplate")
        ],
        **dict.fromkeys(OF_ENDPOINTS, endpoints),
    }


def fill_in(pattern: str, known: dict[str, list[Body]]) -> list[str]:
    """Return the addresses of a route, one for each thing that it can be about."""
    if "{" not in pattern:
        return [pattern]
    return [
        re.sub(r"{(\w+)}", lambda match, one=one: quote(one[match[1]], safe=""), pattern)
        for one in known[pattern]
    ]


def remove_field(body: Any, path: str) -> None:
    """Remove the innermost thing that a path names, or what is around it."""
    first, _, rest = path.partition(".")
    if isinstance(body, list) and first.isdigit() and int(first) < len(body):
        if rest:
            remove_field(body[int(first)], rest)
        else:
            del body[int(first)]
    elif isinstance(body, dict) and first in body:
        if rest and isinstance(body[first], dict | list) and body[first]:
            remove_field(body[first], rest)
        else:
            del body[first]


@pytest.fixture
def shown(stage: Stage, tmp_path: Path) -> Iterator[Shown]:
    with served(stage) as url:
        yield Shown(stage, Browser(stage).sign_in(), Terminal(url, tmp_path))


def fill(shown: Shown, drawn: Body) -> None:
    """Save odd things of every kind, have them fire, and report odd ends of their runs."""
    for kind, path in SAVED.items():
        for body in drawn[kind]:
            shown.save(kind, path, body)
    for body in drawn["task"]:
        saved = shown.save("task", "/api/tasks", body)
        for trigger in saved.get("triggers", ()):
            if trigger["type"] == "webhook":
                path = f"/api/hooks/{trigger['config']['path']}"
                send(shown, path, drawn["payload"], token="")
        for params in drawn["params"] if saved else ():
            send(shown, f"/api/tasks/{saved['task']['id']}/runs", {"params": params})
    shown.stage.settle()
    work(shown, drawn)
    shown.stage.pass_time(timedelta(minutes=2))


def send(shown: Shown, path: str, body: Body, token: str = TOKEN) -> None:
    status, answer = shown.stage.call("POST", path, body, token=token)
    assert status < 500, (path, body, answer)


def work(shown: Shown, drawn: Body) -> None:
    """Let a runner end most of the runs, each in a way of its own; leave some where they are."""
    for number, (name, end) in enumerate(drawn["reports"]):
        status, claimed = runner(shown.stage, "claim", {"runner": name})
        assert status in (200, 204), claimed
        if status == 204:
            return
        is_report = number % 3 != 2
        body = end if is_report else {"lines": end.get("lines", [])}
        spoken = {name: claimed["job"][name] for name in ("runId", "attempt")} | body
        path = "report" if is_report else "beat"
        for _ in range(4):
            status, answer = runner(shown.stage, path, spoken)
            assert status < 500, (spoken, answer)
            if status != 400:
                break
            for fault in answer["details"]:
                spoken.pop(fault["field"].partition(".")[0], None)
        assert status == 200, answer


def expected_texts(shown: Shown) -> dict[str, list[str]]:
    """Return what each address has to show of what was saved."""
    texts = {
        "/templates": [one["name"] for one in shown.of("promptTemplate")],
        "/tickets": [one["name"] for one in shown.of("provider")],
        "/settings": [one["name"] for one in shown.of("apiKey")],
        "/tasks/scheduled": [one["name"] for one in shown.of("task")],
    }
    for one in shown.of("task"):
        for path in ("", "/edit"):
            texts[f"/tasks/scheduled/{one['id']}{path}"] = [one["name"], one["description"] or ""]
    for run in shown.runs():
        texts[f"/tasks/{run['id']}"] = [run["title"], run["errorMessage"] or ""]
    for one in shown.of("webhook"):
        texts[f"/settings/webhooks/{one['id']}"] = [one["description"]]
    return texts


def check_pages(shown: Shown, known: dict[str, list[Body]]) -> None:
    """Open every page of the table, its live part, and the forms that edit what is there."""
    patterns = [pattern for method, pattern, *_ in PAGE_TABLE if method == "GET"]
    opened = [
        path
        for pattern in patterns
        if pattern not in LEAD_ELSEWHERE
        for path in fill_in(pattern, known)
    ]
    edited = {"/templates": "promptTemplate", "/repos": "repo", "/tickets": "provider"}
    forms = [f"{path}?edit={one['id']}" for path, kind in edited.items() for one in shown.of(kind)]
    forms += [f"/tasks/new?template={one['id']}" for one in shown.of("promptTemplate")]
    crons = [one["config"] for _, one in shown.listed("triggers") if one["type"] == "schedule"]
    forms += [f"/tasks/new/cron?{urlencode(config)}" for config in crons]
    parts = [f"{path}?part=live" for path in opened if path in ("/tasks", "/tickets")]
    parts += [f"{path}?part=live" for path in opened if re.fullmatch(r"/tasks/.*[\w-]{36}", path)]
    texts = expected_texts(shown)
    for path in (*opened, *forms, *parts):
        check_page(shown, path, texts.get(path, []))


def check_page(shown: Shown, path: str, texts: list[str]) -> None:
    answer = shown.browser.get(path)
    assert answer.status == 200, (path, answer.status, answer.text)
    if path.endswith("/log"):
        assert answer.headers["Content-Type"] == "application/json"
        json.loads(answer.text)
        return
    try:
        page = Page(answer.text)
    except AssertionError as wrong:
        raise AssertionError(f"{path}: {wrong}") from None
    assert "odd-tag" not in page.tags, path
    assert not [name for name in page.attributes if name.startswith("on")], path
    for text in texts:
        assert page.shows(text), (path, text)


def check_answers(shown: Shown, known: dict[str, list[Body]]) -> None:
    """Ask every operation that reads, and hold each answer against its description."""
    document = shown.stage.ok("GET", "/api/openapi.json")
    for pattern, item in document["paths"].items():
        if "get" not in item or pattern in (*LEAD_ELSEWHERE, "/docs"):
            continue
        described = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        schema = {**described, "components": document["components"]}
        validator = jsonschema.Draft202012Validator(schema)
        for path in fill_in(pattern, known):
            status, answer = shown.stage.call("GET", path)
            assert status == 200, (path, answer)
            validator.validate(answer)


def check_commands(shown: Shown) -> None:
    """Run every command that shows something, for people and for programs."""
    blueprints = [one["id"] for one in shown.of("task")]
    runs = [run["id"] for _, run in shown.listed("runs")]
    schedules = [one["id"] for _, one in shown.listed("triggers") if one["type"] == "schedule"]
    asked = [("task", "list"), ("schedule", "list"), ("secret", "list"), ("export",)]
    asked += [("task", word, one) for one in blueprints for word in ("show", "firings")]
    asked += [("task", word, one) for one in runs for word in ("show", "logs", "files")]
    asked += [("schedule", word, one) for one in schedules for word in ("next", "explain")]
    for words in asked:
        for more in ((), ("--json",)):
            code, said, errors = shown.terminal.run(*words, *more, COLUMNS="4000")
            assert code == 0, (words, said, errors)
            assert "Traceback" not in said + errors, (words, said, errors)
            assert "\x1b" not in said, (words, said)
    for more in ((), ("--json",)):
        code, said, errors = shown.terminal.run("doctor", *more)
        assert code in (0, 1), (said, errors)
        assert "Traceback" not in said + errors
    (shown.terminal.home / "all.yaml").write_text(shown.terminal.ok("export"), encoding="utf-8")
    code, said, errors = shown.terminal.run("apply", "-f", "all.yaml", "--check")
    assert code == 0, (said, errors)


def draw_examples(count: int) -> list[Body]:
    """Return examples of a fresh seed, which is printed."""
    seed = int(os.environ.get("OPTIO_TEST_SEED") or random.SystemRandom().getrandbits(32))
    sys.stdout.write(f"OPTIO_TEST_SEED={seed}\n")
    examples: list[Body] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(odd_values.stages)
    def collect(example: Body) -> None:
        examples.append(example)

    collect()
    return examples


def show_everything(shown: Shown, count: int) -> None:
    for example in draw_examples(count):
        shown.saved.clear()
        fill(shown, example)
        known = addresses(shown)
        check_pages(shown, known)
        check_answers(shown, known)
        check_commands(shown)
    assert shown.refused == []


def test_what_the_api_accepts_renders_everywhere(shown: Shown):
    show_everything(shown, FEW)


@pytest.mark.slow
def test_what_the_api_accepts_renders_everywhere_many_times(shown: Shown):
    show_everything(shown, MANY)


@pytest.mark.parametrize("moment", odd_values.NO_MOMENTS)
def test_a_time_without_a_date_in_every_zone_is_refused(stage: Stage, moment: str):
    config = {"cronExpression": "0 9 * * *", "timezone": "Pacific/Kiritimati"}
    trigger = {"type": "schedule", "config": {**config, "startAt": moment}}
    body = {"type": "standalone", "name": "Greet", "prompt": "Greet.", "triggers": [trigger]}
    status, answer = stage.call("POST", "/api/tasks", body)
    assert (status, answer["details"][0]["field"]) == (400, "triggers.0.config.startAt")
    assert "years 1970 to 9998" in answer["error"]

    made = stage.ok("POST", "/api/tasks", {**body, "triggers": [{**trigger, "config": config}]})
    path = f"/api/tasks/{made['task']['id']}/triggers/{made['triggers'][0]['id']}/explain"
    status, answer = stage.call("GET", f"{path}?at={quote(moment)}")
    assert (status, answer["details"][0]["field"]) == (400, "at")
