"""A request with several mistakes gets all of them reported at once, each by its field."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.web.schemas.requests.cross_field_rules import ModelWithRules
from tests.conftest import Stage
from tests.support.browser import Browser, browser

Body = dict[str, Any]
Change = Callable[[Body], object]
NOBODY = str(uuid.uuid4())
OPEN = "{{#if package}} and never closed"
__all__ = ["browser"]


def at(path: str, value: object) -> Change:
    """Return the mistake of having `value` at a path of the body."""

    def change(body: Body) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        here: Any = body
        for part in way:
            here = here[part]
        here[last] = value

    return change


def wrong(**values: object) -> dict[str, Change]:
    """Return mistakes whose fields are at the top of the body."""
    return {name: at(name, value) for name, value in values.items()}


def within(prefix: str, values: dict[str, object]) -> dict[str, Change]:
    return {f"{prefix}.{name}": at(f"{prefix}.{name}", value) for name, value in values.items()}


@dataclass(frozen=True)
class Case:
    """A request that is right, and mistakes that do not touch each other, by the field of each."""

    method: str
    path: str
    right: Body
    mistakes: dict[str, Change]
    made_at: str = ""
    made_of: Body | None = None

    def body(self, chosen: Collection[str]) -> Body:
        body: Body = json.loads(json.dumps(self.right))
        for name in chosen:
            self.mistakes[name](body)
        return body


BEFORE = {"startAt": "2027-05-01T00:00:00Z", "endAt": "2027-04-01T00:00:00Z"}
DAILY = {"type": "schedule", "config": {"cronExpression": "0 3 * * *"}}
TASK: Body = {"name": "Update", "prompt": "Bring {{package}} up to date"}
OF_TASK: dict[str, Change] = {
    **wrong(agentCommand="make", promptTemplateId=NOBODY, timeoutMinutes=0, colour="red"),
    **wrong(repoBranch="--upload-pack=x", prompt=OPEN, maxRetries="3", model="", description=7),
    "secrets.1": at("secrets", ["NPM_TOKEN", "not a name"]),
}
OF_CONFIG: dict[str, Change] = {
    "config.endAt": lambda body: body["config"].update(BEFORE),
    **within("config", {"timezone": "Mars", "jitterSeconds": -1, "moons": 2}),
    **wrong(enabled="yes", moment="now"),
}
HOOK = {"type": "webhook", "config": {"path": "deploys-of-acme"}}
TICKET = {"type": "ticket", "config": {"source": "github"}}
PROVIDER: Body = {"source": "notion", "config": {"dataSourceId": "d"}, "credential": "secret_abc"}
CASES: dict[str, Case] = {
    "a definition": Case(
        "POST",
        "/api/tasks",
        {
            **TASK,
            "type": "repo-blueprint",
            "repoUrl": "acme/web",
            "triggers": [DAILY, HOOK, {**HOOK, "config": {"path": "others"}}, TICKET, DAILY],
        },
        {
            **OF_TASK,
            "name": lambda body: body.pop("name"),
            "repoUrl": lambda body: body.pop("repoUrl"),
            "triggers.0.config.endAt": lambda body: body["triggers"][0]["config"].update(BEFORE),
            "triggers.0.config.timezone": at("triggers.0.config.timezone", "Mars"),
            "triggers.1.config.secret": at("triggers.1.config.signature", "github"),
            "triggers.2.config.path": at("triggers.2.config.path", "deploys-of-acme"),
            "triggers.2.config.filter": at("triggers.2.config.filter", "a[?"),
            "triggers.3.config.providerId": at("triggers.3.config.providerId", NOBODY),
            "triggers.4.config.cronExpression": at("triggers.4.config.cronExpression", "* *"),
            "triggers.4.enabled": at("triggers.4.enabled", "no"),
        },
    ),
    "a standalone": Case(
        "POST",
        "/api/tasks",
        {**TASK, "type": "standalone"},
        {**OF_TASK, **wrong(repoUrl="acme/web", title=OPEN)},
    ),
    "an ad-hoc task": Case(
        "POST",
        "/api/tasks",
        {**TASK, "repoUrl": "acme/web"},
        {**OF_TASK, **wrong(triggers=[DAILY]), "name": lambda body: body.pop("name")},
    ),
    "an edit of a definition": Case(
        "PATCH",
        "/api/tasks/{id}",
        {},
        {**OF_TASK, **wrong(repoUrl="acme/web", type="repo-blueprint", triggers=[], title=OPEN)},
        "/api/tasks",
        {**TASK, "type": "standalone"},
    ),
    "a definition at its older path": Case(
        "POST",
        "/api/jobs",
        {"name": "Update", "promptTemplate": "Bring {{package}} up to date"},
        {
            **{name: one for name, one in OF_TASK.items() if name != "prompt"},
            **wrong(promptTemplate=OPEN, agentRuntime="nobody", prompt="by its newer name"),
        }
        | {"agentCommand": lambda body: body.update(agentCommand="")},
    ),
    "a schedule": Case("POST", "/api/tasks/{id}/triggers", DAILY, OF_CONFIG, "/api/tasks", TASK),
    "an edit of a schedule": Case(
        "PATCH",
        "/api/tasks/{id}/triggers/{trigger}",
        {"config": DAILY["config"]},
        {**OF_CONFIG, **wrong(type="manual")},
        "/api/tasks",
        {**TASK, "triggers": [DAILY]},
    ),
    "an edit of a hook": Case(
        "PATCH",
        "/api/tasks/{id}/triggers/{trigger}",
        {"config": HOOK["config"]},
        {
            "config.secret": at("config.signature", "stripe"),
            **within("config", {"path": "/", "filter": "a[?", "events": "all"}),
            **wrong(type="ticket"),
            "paramMapping.n": at("paramMapping", {"n": "n"}),
        },
        "/api/tasks",
        {**TASK, "triggers": [HOOK]},
    ),
    "a template": Case(
        "POST",
        "/api/prompt-templates",
        {"name": "Update", "template": "Bring {{package}} up to date"},
        wrong(template=OPEN, kind="A B", defaultAgentType="nobody", name=" ", colour="red"),
    ),
    "a provider": Case(
        "POST",
        "/api/tickets/providers",
        PROVIDER,
        {
            "config.dataSourceId": lambda body: body["config"].pop("dataSourceId"),
            "config.statusProperty": at("config.doneState", "Done"),
            **within("config", {"comments": "loud", "baseUrl": "http://10.0.0.1", "repo": "a/b"}),
            **wrong(credential="", enabled=1),
        },
    ),
    "a key": Case(
        "POST",
        "/api/auth/api-keys",
        {"name": "CI", "role": "viewer"},
        {"scopes": at("scopes", ["admin"])}
        | wrong(name="", expiresAt="2020-01-01T00:00:00Z", colour="red"),
    ),
    "a secret": Case(
        "PUT",
        "/api/secrets/not-a-name",
        {"value": "the secret value"},
        wrong(value="   ", scope="not a repo", colour="red"),
    ),
    "a repo": Case(
        "POST",
        "/api/repos",
        {"repoUrl": "acme/web"},
        wrong(repoUrl="not a repo", image="-x", maxConcurrentTasks=0, runner="mine"),
    ),
    "a webhook": Case(
        "POST",
        "/api/webhooks",
        {"url": "https://hooks.example.com/x"},
        {"events.0": at("events", ["task.exploded"])} | wrong(url="http://a.example", enabled=0),
    ),
}
ALWAYS = {"a secret": {"name"}}
"""Faults of the path itself."""


def path_of(stage: Stage, case: Case) -> str:
    if case.made_of is None:
        return case.path
    made = stage.ok("POST", case.made_at, {"type": "standalone", **case.made_of})
    trigger = made["triggers"][0]["id"] if made["triggers"] else ""
    return case.path.format(id=made["task"]["id"], trigger=trigger)


@pytest.mark.parametrize("name", CASES)
def test_any_choice_of_mistakes_is_told_as_a_whole(stage: Stage, name: str):
    case = CASES[name]
    path = path_of(stage, case)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sets(st.sampled_from(sorted(case.mistakes)), min_size=1))
    @example(set(case.mistakes))
    def told(chosen: set[str]) -> None:
        status, answer = stage.call(case.method, path, case.body(sorted(chosen)))
        fields = [fault["field"] for fault in answer["details"]]
        assert (status, sorted(fields)) == (400, sorted(chosen | ALWAYS.get(name, set())))
        assert answer["error"] in [f"{one['field']}: {one['message']}" for one in answer["details"]]

    told()
    for field in case.mistakes:
        told.hypothesis.inner_test({field})  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in CASES if name not in ALWAYS])
def test_without_a_mistake_the_same_request_is_taken(stage: Stage, name: str):
    case = CASES[name]
    status, answer = stage.call(case.method, path_of(stage, case), case.right)
    assert status in (200, 201), answer


@pytest.mark.parametrize(
    "mistaken, fields",
    [
        ({"agentType": "nobody", "agentCommand": "make"}, ["agentType"]),
        ({"name": None, "title": OPEN}, ["title"]),
        ({"prompt": "", "promptTemplateId": "7"}, ["promptTemplateId"]),
        ({"type": "nothing", "repoUrl": "acme/web"}, ["type"]),
        ({"type": "standalone", "repoUrl": "not a repo"}, ["repoUrl"]),
        (
            {"triggers": [{**DAILY, "config": {**BEFORE, "cronExpression": "*", "endAt": "soon"}}]},
            ["triggers.0.config.cronExpression", "triggers.0.config.endAt"],
        ),
        (
            {"triggers": [{**HOOK, "config": {"path": "a", "signature": "none"}}]},
            ["triggers.0.config.signature"],
        ),
        (
            {"triggers": [{"type": "carrier pigeon"}, {}, 7]},
            ["triggers.0.type", "triggers.1.type", "triggers.2"],
        ),
    ],
)
def test_of_what_makes_no_sense_no_contradiction_is_told(
    stage: Stage, mistaken: Body, fields: list[str]
):
    body = {**TASK, "type": "standalone", **mistaken}
    status, answer = stage.call("POST", "/api/tasks", body)
    assert (status, [one["field"] for one in answer["details"]]) == (400, fields)


def test_a_secret_that_is_too_short_is_told_once_in_either_form(stage: Stage):
    for secret, field in (
        ("short", "secret"),
        (["short"], "secret.0"),
        ([], "secret"),
        (7, "secret"),
    ):
        hook = {"path": "deploys", "secret": secret}
        body = {**TASK, "type": "standalone", "triggers": [{**HOOK, "config": hook}]}
        _, answer = stage.call("POST", "/api/tasks", body)
        assert [one["field"] for one in answer["details"]] == [f"triggers.0.config.{field}"]


def test_a_provider_that_becomes_another_place_is_told_with_the_rest(stage: Stage):
    made = stage.ok("POST", "/api/tickets/providers", PROVIDER)["provider"]["id"]
    edit = {"config": {"dataSourceId": "other", "comments": "loud"}, "enabled": "yes"}
    status, answer = stage.call("PATCH", f"/api/tickets/providers/{made}", edit)
    fields = {one["field"] for one in answer["details"]}
    assert (status, fields) == (400, {"config.dataSourceId", "config.comments", "enabled"})


def test_a_rule_that_asks_for_what_is_no_field_is_a_mistake_of_ours():
    class Odd(ModelWithRules):
        rules = (lambda asked: [asked.nothing_of_the_kind],)
        name: str = ""

    for body in ({}, {"name": 7}):
        with pytest.raises(AttributeError):
            Odd.model_validate(body)


def marked(text: str) -> list[str]:
    """Return the fields of a form that are marked as wrong."""
    return re.findall(r'name="([\w.]+)"[^>]*aria-invalid', text)


def test_a_form_shows_each_mistake_beside_its_field(browser: Browser):
    typed = {
        "name": "Update",
        "prompt": OPEN,
        "repoUrl": "not a repo",
        "timeoutMinutes": "soon",
        "priority": "0",
        "environment": "no equals sign",
        "paramsSchema": "{",
        "agentType": "command",
        "trigger": "schedule",
        "cronExpression": "* *",
        "timezone": "Mars",
        "jitterSeconds": "x",
        "paramMapping": "[]",
    }
    answer = browser.post("/tasks/new", mode="schedule", **typed)

    assert answer.status == 400
    wrong = {*typed, "agentCommand"} - {"name", "agentType", "trigger"}
    assert sorted(marked(answer.text)) == sorted(wrong)


def test_the_params_of_a_run_by_hand_are_wrong_beside_their_own_fields(browser: Browser):
    kinds = {"n": {"type": "integer"}, "m": {"type": "integer"}}
    body = {**TASK, "type": "standalone", "paramsSchema": {"properties": kinds}}
    made = browser.stage.ok("POST", "/api/tasks", body)["task"]["id"]

    unread = browser.post(f"/tasks/scheduled/{made}", do="run", **{"param.n": "x", "param.m": "y"})
    broken = browser.post(
        f"/tasks/scheduled/{made}", do="run", **{"param.n": "1.5", "param.m": "2.5"}
    )

    for answer in (unread, broken):
        assert answer.status == 400
        assert len(re.findall(r'<p class="hint bad">', answer.text)) == 2
