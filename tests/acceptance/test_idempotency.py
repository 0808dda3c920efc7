"""A request with an Idempotency-Key that comes again is answered as the first one was."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from chalicelib.settings import settings
from tests.conftest import TOKEN, Stage
from tests.support.browser import Browser, browser

__all__ = ["browser"]
KEY = {"Idempotency-Key": "once"}
PROVIDER = {"source": "github", "config": {"repo": "acme/web"}, "credential": "a token"}
MADE: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "/api/repos": ("repos", {"repoUrl": "acme/web"}, {"setupCommands": "true"}),
    "/api/tickets/providers": ("providers", PROVIDER, {"name": "Another"}),
    "/api/webhooks": ("webhooks", {"url": "https://example.com/x"}, {"description": "Another"}),
    "/api/auth/api-keys": ("apiKeys", {"name": "CI"}, {"role": "viewer"}),
}


@pytest.mark.parametrize("path", MADE)
def test_the_same_key_and_body_get_the_same_answer(stage: Stage, path: str):
    listed, body, more = MADE[path]
    before = len(stage.ok("GET", path)[listed])
    key = {"Idempotency-Key": "once"}
    first = stage.call("POST", path, body, **key)
    assert first[0] == 201
    assert stage.call("POST", path, body, **key) == first
    assert len(stage.ok("GET", path)[listed]) == before + 1

    status, answer = stage.call("POST", path, {**body, **more}, **key)
    assert (status, answer["error"]) == (
        409,
        "this Idempotency-Key was already used with another body: use a new key",
    )
    assert len(stage.ok("GET", path)[listed]) == before + 1


def test_a_token_that_is_told_again_works_and_ends_with_its_key(stage: Stage):
    key = {"Idempotency-Key": "once"}
    made = stage.ok("POST", "/api/auth/api-keys", {"name": "CI"}, **key)
    again = stage.ok("POST", "/api/auth/api-keys", {"name": "CI"}, **key)
    assert stage.call("GET", "/api/tasks", token=again["token"])[0] == 200
    stage.ok("DELETE", f"/api/auth/api-keys/{made['apiKey']['id']}")
    assert stage.call("GET", "/api/tasks", token=again["token"])[0] == 401
    assert stage.call("POST", "/api/auth/api-keys", {"name": "CI"}, **key)[0] == 404


def test_a_token_is_not_told_to_another_who_asks_with_the_same_key_and_body(stage: Stage):
    other = stage.ok("POST", "/api/auth/api-keys", {"name": "Ann", "role": "admin"})["token"]
    mine, theirs = (
        stage.call("POST", "/api/auth/api-keys", {"name": "CI"}, token=token, **KEY)[1]["token"]
        for token in (TOKEN, other)
    )
    assert mine != theirs


def test_a_provider_that_is_asked_for_again_leaves_no_second_credential(stage: Stage):
    for _ in range(2):
        stage.ok("POST", "/api/tickets/providers", PROVIDER, **{"Idempotency-Key": "once"})
    vault = boto3.client("secretsmanager", region_name=settings.region)
    kept = [one["Name"] for one in vault.list_secrets()["SecretList"]]
    assert len([name for name in kept if name.startswith(settings.secrets_prefix)]) == 1


@pytest.mark.parametrize(
    "path, listed, form",
    [
        ("/settings", "/api/auth/api-keys", {"do": "make", "name": "CI", "role": "member"}),
        (
            "/settings/webhooks",
            "/api/webhooks",
            {"url": "https://example.com/x", "events": "task.failed"},
        ),
        (
            "/tickets",
            "/api/tickets/providers",
            {"source": "github", "repo": "acme/web", "credential": "a token"},
        ),
        ("/repos", "/api/repos", {"repoUrl": "acme/web"}),
    ],
)
def test_a_double_click_makes_one(browser: Browser, path: str, listed: str, form: dict[str, str]):
    name = MADE[listed][0]
    before = len(browser.stage.ok("GET", listed)[name])
    first, second = browser.post(path, **form), browser.post(path, **form)
    assert first.status == second.status < 400, second.text
    assert len(browser.stage.ok("GET", listed)[name]) == before + 1


def test_the_first_answer_holds_whatever_was_paused_edited_or_removed_since(stage: Stage):
    made = {"name": "Nightly", "prompt": "Go.", "agentType": "command", "agentCommand": "true"}
    first = stage.ok("POST", "/api/tasks", {"type": "standalone", **made}, **KEY)
    task = first["task"]["id"]
    started = stage.call("POST", f"/api/tasks/{task}/runs", {"params": {"n": 1}}, **KEY)
    assert started[0] == 202
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": False})
    assert stage.call("POST", f"/api/tasks/{task}/runs", {"params": {"n": 1}}, **KEY) == started
    assert stage.call("POST", f"/api/tasks/{task}/runs", {"params": {"n": 1}})[0] == 409

    schema = {"type": "object", "required": ["who"]}
    stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True, "paramsSchema": schema})
    assert stage.call("POST", f"/api/tasks/{task}/runs", {"params": {"n": 1}}, **KEY) == started
    again = stage.ok("POST", "/api/tasks", {"type": "standalone", **made}, **KEY)
    assert again["task"]["id"] == task
