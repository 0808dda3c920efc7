"""All faults of a request are reported in one answer, in plain words, beside their fields."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser, browser, schedule

__all__ = ["browser"]


def faults(stage: Stage, body: dict[str, Any]) -> dict[str, str]:
    status, answer = stage.call("POST", "/api/tasks", body)
    assert status == 400, answer
    return {one["field"]: one["message"] for one in answer["details"]}


def test_faults_of_fields_and_of_fields_together_come_in_one_answer(stage: Stage):
    found = faults(
        stage,
        {
            "type": "standalone",
            "title": "{{#if a}}",
            "agentType": "command",
            "maxRetries": "many",
            "triggers": [schedule("99 * * * *"), {"type": "webhook", "config": {"path": "a b"}}],
        },
    )

    assert found == {
        "title": "line 1: {{#if}} is never closed by {{/if}}",
        "prompt": "give a prompt or a prompt template (promptTemplateId)",
        "agentCommand": "the agent 'command' needs a script",
        "maxRetries": "must be a whole number",
        "triggers.0.config.cronExpression": "'99' is not a minute (0 to 59)",
        "triggers.1.config.path": "must contain only letters, digits and . _ ~ -",
    }


@pytest.mark.parametrize(
    "query, fields",
    [
        ("type=job&state=done&limit=0&repoUrl=nowhere", ["type", "state", "repoUrl", "limit"]),
        ("type=standalone&state=failed&repoUrl=acme/web", ["state", "repoUrl"]),
        (f"limit=101&cursor={'c' * 2049}", ["limit", "cursor"]),
        ("limit=%C2%B2&state=", ["state", "limit"]),
    ],
)
def test_faults_of_a_query_string_come_in_one_answer(stage: Stage, query: str, fields: list[str]):
    status, answer = stage.call("GET", f"/api/tasks?{query}")

    assert status == 400
    assert [one["field"] for one in answer["details"]] == fields


@pytest.mark.parametrize("raw", [b"\t", b" \n", b"{", b"[]", b"null", b"\xff", b"{}{}"])
@pytest.mark.parametrize("call", ["PATCH /api/tasks/{}", "POST /api/jobs", "PATCH /api/jobs/{}"])
def test_a_body_that_is_no_json_object_changes_nothing(stage: Stage, call: str, raw: bytes):
    job = {"type": "standalone", "name": "n", "prompt": "p"}
    task_id = stage.ok("POST", "/api/tasks", job)["task"]["id"]
    method, path = call.split()

    assert stage.call(method, path.format(task_id), raw)[0] == 400
    assert stage.call("PATCH", f"/api/tasks/{task_id}", b"")[0] == 200


def test_each_trigger_of_a_new_definition_tells_what_is_wrong_with_it(stage: Stage):
    github = {"type": "webhook", "config": {"path": "one", "signature": "github"}}
    gitlab = {"type": "webhook", "config": {"path": "two", "signature": "gitlab"}}
    body = {"type": "standalone", "name": "n", "prompt": "p", "triggers": [github, gitlab]}

    assert list(faults(stage, body)) == [
        "triggers.0.config.secret",
        "triggers.1.config.secret",
    ]


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("name", 3, "must be text"),
        ("name", "n" * 201, "must have at most 200 characters"),
        ("name", "  ", "must not be empty"),
        ("priority", 0, "must be at least 1"),
        ("priority", 1001, "must be at most 1000"),
        ("enabled", "yes", "must be true or false"),
        ("secrets", "KEY", "must be a list"),
        ("environment", [], "must be an object"),
        ("promptTemplateId", "bump", "must be an id (a UUID)"),
        ("onOpenPr", "close", "must be 'allow', 'skip' or 'update'"),
        ("promt", "p", "unknown field"),
        ("triggers", [{"type": "cron"}], "must be one of 'schedule', 'webhook', "),
        ("triggers", [{}], "is required"),
        ("triggers", [{"type": "schedule"}], "is required"),
    ],
)
def test_a_fault_is_told_in_plain_words(stage: Stage, field: str, value: object, words: str):
    body = {"type": "standalone", "name": "n", "prompt": "p", field: value}

    found = faults(stage, body)

    assert [name.split(".")[0] for name in found] == [field]
    assert next(iter(found.values())).startswith(words)


def test_a_form_tells_what_cannot_be_read_together_with_what_is_refused(browser: Browser):
    answer = browser.post(
        "/tasks/new",
        name="Kept",
        prompt="{{#if a}}",
        maxRetries="some",
        environment="NOT A VARIABLE",
        paramsSchema="{",
        paramMapping='{"a": 1,}',
        trigger="schedule",
        cronExpression="99 * * * *",
        timezone="Europe/Atlantis",
        jitterSeconds="few",
    )

    assert answer.status == 400
    marked = re.findall(r'name="(\w+)"[^>]*aria-invalid', answer.text)
    assert sorted(marked) == sorted(
        [
            *("prompt", "paramMapping", "maxRetries", "environment", "paramsSchema"),
            *("cronExpression", "timezone", "jitterSeconds"),
        ]
    )
    head = answer.text.partition("Not saved yet.")[2].partition("</div>")[0]
    assert re.findall(r'href="#f-(\w+)"', head)[:1] == ["prompt"]
    assert ">Time zone</a>" in head
    assert "config." not in head
