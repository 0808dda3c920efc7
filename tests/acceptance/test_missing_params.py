"""Names of a prompt without a value: warned of when saved, and what a firing does then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.browser import Browser, browser
from tests.support.scheduled_blueprint import made

__all__ = ["browser"]
SCHEDULE = {"type": "schedule", "config": {"cronExpression": "*/5 * * * *"}}
HOOK = {"type": "webhook", "config": {"path": "a-path-4f9a2b7c8d1e0f3a-of-ours"}}


def warned(stage: Stage, *triggers: dict[str, Any], **more: Any) -> list[dict[str, str]]:
    """Return the warnings about names, of a new blueprint that greets a person."""
    body = {
        "type": "standalone",
        "name": "Hello",
        "prompt": "Say hello to {{who}}.",
        "triggers": list(triggers),
        **more,
    }
    answer = stage.ok("POST", "/api/tasks", body)
    return [one for one in answer["warnings"] if "value" in one["message"]]


@pytest.mark.parametrize(
    "triggers, more, field",
    [
        pytest.param([SCHEDULE], {}, "triggers.0.paramMapping", id="a schedule without params"),
        pytest.param(
            [{**SCHEDULE, "paramMapping": {"what": 1}}],
            {},
            "triggers.0.paramMapping",
            id="a schedule with other params",
        ),
        pytest.param(
            [{**HOOK, "paramMapping": {"what": "$.what"}}],
            {},
            "triggers.0.paramMapping",
            id="a mapping without it",
        ),
        pytest.param([], {}, "prompt", id="no trigger at all"),
        pytest.param([], {"prompt": "x", "title": "{{who}}"}, "title", id="a title"),
        pytest.param([SCHEDULE], {"prompt": "${{ secrets.X }}"}, "triggers.0.paramMapping", id="x"),
    ],
)
def test_a_name_that_nothing_fills_is_warned_of(
    stage: Stage, triggers: list[dict[str, Any]], more: dict[str, Any], field: str
):
    (warning,) = warned(stage, *triggers, **more)

    assert warning["field"] == field
    assert "\\{{ to print the braces" in warning["message"]


@pytest.mark.parametrize(
    "triggers, more",
    [
        pytest.param([{**SCHEDULE, "paramMapping": {"who": "all"}}], {}, id="a param"),
        pytest.param([HOOK], {}, id="a whole payload"),
        pytest.param([{**HOOK, "paramMapping": {"who": "$.name"}}], {}, id="a mapping"),
        pytest.param([SCHEDULE], {"prompt": "{{#if who}}{{who}}{{/if}}"}, id="asked for first"),
        pytest.param([SCHEDULE], {"prompt": "$\\{{ who }} {{date}} {{task.id}}"}, id="escaped"),
        pytest.param(
            [], {"paramsSchema": {"type": "object", "properties": {"who": {}}}}, id="a schema"
        ),
    ],
)
def test_a_name_that_can_have_a_value_is_not_warned_of(
    stage: Stage, triggers: list[dict[str, Any]], more: dict[str, Any]
):
    assert warned(stage, *triggers, **more) == []


@pytest.mark.parametrize(
    "policy, outcome, reason",
    [
        ("run", "fired", None),
        ("skip", "skipped", "missing_params"),
        ("fail", "failed", "missing_params"),
    ],
)
def test_a_firing_without_a_value_does_what_its_blueprint_says(
    stage: Stage, browser: Browser, policy: str, outcome: str, reason: str | None
):
    triggers = [SCHEDULE]
    task, _ = made(stage, missingParams=policy, prompt="Hi {{who}}, {{a.b}}.", triggers=triggers)
    assert stage.ok("GET", f"/api/tasks/{task}")["task"]["missingParams"] == policy

    stage.pass_time(timedelta(minutes=5))

    (firing,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert (firing["outcome"], firing["reason"]) == (outcome, reason)
    assert firing["missingParams"] == ["who", "a.b"]
    page = browser.get(f"/tasks/scheduled/{task}/firings/{firing['id']}").text
    assert "No value for who, a.b." in page
    if policy == "run":
        run = stage.ok("GET", f"/api/tasks/{firing['taskId']}")["task"]
        assert run["missingParams"] == ["who", "a.b"]
        assert "no value for who, a.b." in browser.get(f"/tasks/{run['id']}").text


@pytest.mark.parametrize("policy", ["skip", "fail"])
def test_a_run_by_hand_without_a_value_is_refused_by_its_param(stage: Stage, policy: str):
    task, _ = made(stage, missingParams=policy)

    status, answer = stage.call("POST", f"/api/tasks/{task}/runs", {})

    assert status == 400
    assert [one["field"] for one in answer["details"]] == ["params.what"]
    stage.ok("POST", f"/api/tasks/{task}/runs", {"params": {"what": "it"}})


def test_a_value_that_is_given_is_not_missing(stage: Stage):
    task, _ = made(stage, missingParams="fail")
    stage.pass_time(timedelta(minutes=5))
    (firing,) = stage.ok("GET", f"/api/tasks/{task}/firings")["firings"]
    assert (firing["outcome"], firing["missingParams"]) == ("fired", [])
