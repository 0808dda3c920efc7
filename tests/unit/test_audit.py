"""The audit action of a write, derived from its route, its answer, or its form."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.app import Response
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.web.http import audit
from chalicelib.web.pages import PAGE_ACTIONS, dispatch

ID = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"


def request(method: str, body: bytes = b"") -> Any:
    return SimpleNamespace(method=method, raw_body=body, headers={}, context={})


def answered(body: object, **headers: str) -> Response:
    text = json.dumps(body) if body is not None else ""
    return Response(body=text, status_code=200, headers=headers)  # type: ignore[arg-type]


def test_an_action_is_the_one_that_its_route_states():
    stated = audit.action_of_route(request("POST"), "firing.redeliver", {"f": ID}, answered({}))
    assert (stated.qualified_name, stated.object_id) == ("firing.redeliver", ID)


@pytest.mark.parametrize(
    "kind, action",
    [("standalone", "task.create"), ("repo-blueprint", "task.create"), ("repo-task", "run.create")],
)
def test_a_created_task_is_a_blueprint_or_a_started_run(kind: str, action: str):
    body = {"task": {"id": ID, "type": kind, "name": "N"}}
    made = audit.action_of_route(request("POST"), "task.create", {}, answered(body))
    assert (made.qualified_name, made.object_id) == (action, ID)


def test_the_thing_is_that_of_the_path_or_the_one_that_was_made():
    made = audit.action_of_route(
        request("POST", b'{"name": "N", "prompt": "hushed"}'),
        "task.create",
        {},
        answered({"task": {"id": ID, "name": "N"}, "triggers": [{"id": OTHER}]}),
    )
    assert (made.object_id, made.object_name, made.fields) == (ID, "N", ("name", "prompt"))
    run = audit.action_of_route(
        request("POST"), "run.create", {"task_id": ID}, answered({"runId": OTHER})
    )
    assert (run.object_id, run.root_id) == (OTHER, ID)
    tried = audit.action_of_route(
        request("POST"),
        "webhook.test",
        {"webhook_id": ID},
        answered({"delivery": {"id": OTHER, "name": "of another"}}),
    )
    assert (tried.object_id, tried.object_name) == (ID, None)


@pytest.mark.parametrize(
    "pattern, params, form, action, about",
    [
        ("/tasks/scheduled/{task_id}", {"t": ID}, {"do": "pause"}, "task.pause", ID),
        ("/tasks/scheduled/{task_id}", {"t": ID}, {"do": "delete"}, "task.remove", ID),
        ("/tasks/scheduled/{task_id}", {"t": ID}, {"do": f"drop:{OTHER}"}, "trigger.remove", OTHER),
        ("/tasks/scheduled/{task_id}/edit", {"t": ID}, {"title": "x"}, "task.update", ID),
        (
            "/tasks/scheduled/{task_id}/triggers/{trigger_id}",
            {"t": ID, "g": OTHER},
            {},
            "trigger.update",
            OTHER,
        ),
        ("/tasks/{task_id}", {"t": ID}, {"do": "cancel"}, "task.cancel", ID),
        ("/tasks", {}, {"do": "retry"}, "task.retry", None),
        ("/tasks/new", {}, {"name": "x"}, "task.create", OTHER),
        ("/tasks/new", {}, {"name": "x", "mode": "run"}, "run.create", OTHER),
        ("/repos", {}, {"id": ID}, "repo.update", ID),
        ("/repos", {}, {"id": ID, "do": "delete"}, "repo.remove", ID),
        ("/secrets", {}, {"name": "NPM", "value": "x"}, "secret.set", "NPM"),
        ("/secrets", {}, {"name": "NPM", "do": "delete"}, "secret.remove", "NPM"),
        ("/settings", {}, {"do": "revoke", "id": ID}, "key.remove", ID),
        (
            "/settings/webhooks/{webhook_id}",
            {"w": ID},
            {"do": "rotate"},
            "webhook.rotate-secret",
            ID,
        ),
        ("/tickets/sync", {}, {}, "provider.sync", None),
        ("/tickets/{provider_id}/re-enable", {"p": ID}, {}, "provider.re-enable", ID),
    ],
)
def test_a_form_is_called_as_the_api_calls_what_it_does(
    pattern: str, params: dict[str, str], form: dict[str, str], action: str, about: str | None
):
    actions = PAGE_ACTIONS[pattern]
    stated = actions[dispatch._chosen_action(form, actions)]
    deed = audit.action_of_page(stated, params, form, answered(None, Location=f"../tasks/{OTHER}"))
    assert (deed.qualified_name, deed.object_id) == (action, about)
    assert "value" not in dict(form) or "x" not in deed.fields


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=80), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    body=st.binary(max_size=60),
    answer=json_values,
    params=st.lists(st.text(max_size=9), max_size=2),
)
def test_nothing_that_is_sent_or_answered_keeps_a_deed_from_its_record(
    body: bytes, answer: Any, params: list[str]
):
    given = {str(number): text for number, text in enumerate(params)}
    for action in ("task.create", "trigger.update"):
        deed = audit.action_of_route(request("POST", body), action, given, answered(answer))
        assert len(deed.fields) <= audit.MAX_FIELDS
        assert all(len(name) <= audit.MAX_FIELD_LENGTH for name in deed.fields)


def test_a_body_that_is_nested_without_end_has_no_fields():
    deed = audit.action_of_route(
        request("POST", b"[" * 200_000), "task.cancel", {"t": ID}, answered({})
    )
    assert deed.fields == ()


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=5))
def test_no_form_keeps_a_deed_from_its_record(form: dict[str, str]):
    for action, params in (("repo.create", {}), ("task.pause", {"t": ID})):
        assert audit.action_of_page(action, params, form, answered(None)).kind
