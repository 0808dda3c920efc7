"""One rule for every credential: nothing invisible at its ends, refused by its field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import app  # noqa: F401 - registers every route
from chalicelib.web.http.routes import ALL_ROUTES
from chalicelib.web.openapi.document import build_document
from tests.conftest import Stage
from tests.support.browser import Browser, browser  # noqa: F401
from tests.support.signed_deliveries import blueprint

GOOD = "a credential of sixteen"
KEY = "-----BEGIN KEY-----\nabcd\n-----END KEY-----\n"
BAD = [f"{GOOD}\n", f"{GOOD} ", f" {GOOD}", f"{GOOD}\r\n", f"\ufeff{GOOD}", f"{GOOD}\u00a0"]
BAD += [f"\n{KEY}", f"{KEY}\n", f"{KEY} ", f"{GOOD}\u200b", f"\t{GOOD}"]
NAMES = re.compile(r"secret$|credential|^value$|password|token$", re.IGNORECASE)
FLAGS = ("discardVerificationToken",)
"""Fields of such a name that hold no text."""
Sent = tuple[int, Any]


def hook(stage: Stage, value: str) -> Sent:
    return stage.call("POST", "/api/tasks", blueprint(secret=value))


def rotated_hook(stage: Stage, value: str) -> Sent:
    return stage.call("POST", "/api/tasks", blueprint(secret=[GOOD, value]))


def provider(stage: Stage, value: str) -> Sent:
    return stage.call("POST", "/api/tickets/providers", {"source": "linear", "credential": value})


def patched_provider(stage: Stage, value: str) -> Sent:
    body = {"source": "linear", "credential": GOOD}
    made = stage.ok("POST", "/api/tickets/providers", body)["provider"]["id"]
    return stage.call("PATCH", f"/api/tickets/providers/{made}", {"credential": value})


def secret(stage: Stage, value: str) -> Sent:
    return stage.call("PUT", "/api/secrets/GITHUB_TOKEN", {"value": value, "scope": "global"})


SENT: dict[tuple[str, str], tuple[tuple[Callable[[Stage, str], Sent], str], ...]] = {
    ("HookConfig", "secret"): (
        (hook, "triggers.0.config.secret"),
        (rotated_hook, "triggers.0.config.secret.1"),
    ),
    ("NewProvider", "credential"): ((provider, "credential"),),
    ("ProviderPatch", "credential"): ((patched_provider, "credential"),),
    ("SecretValue", "value"): ((secret, "value"),),
}
"""How each credential of the API is sent, and the field that its refusal names."""


def request_models() -> dict[str, Any]:
    """Return the schema of every request body, and of what it refers to."""
    operations = [one for room in ALL_ROUTES for one in room.operations]
    schemas: dict[str, Any] = build_document(operations)["components"]["schemas"]
    waiting = [one.body for one in operations if one.body]
    found: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in found:
            found[name] = schemas[name]
            waiting += [part.rpartition("/")[2] for part in references(schemas[name])]
    return found


def references(thing: Any) -> Iterator[str]:
    if isinstance(thing, dict):
        if "$ref" in thing:
            yield thing["$ref"]
        for inner in thing.values():
            yield from references(inner)
    elif isinstance(thing, list):
        for inner in thing:
            yield from references(inner)


def texts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the schemas of the texts that a field may hold."""
    if schema.get("type") == "string":
        yield schema
    for part in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from texts(part)


def test_each_field_of_the_api_that_holds_a_credential_is_tried_here():
    found = {
        (name, field)
        for name, schema in request_models().items()
        for field, part in schema.get("properties", {}).items()
        if any(text.get("format") == "credential" for text in texts(part))
    }
    named = {
        (name, field)
        for name, schema in request_models().items()
        for field, part in schema.get("properties", {}).items()
        if NAMES.search(field) and field not in FLAGS and any(texts(part))
    }
    assert found == set(SENT)
    assert named <= found, "these take a text without the rule for credentials"


@pytest.mark.parametrize("field", sorted(SENT), ids=".".join)
def test_a_credential_with_something_invisible_at_its_ends_is_refused(
    stage: Stage, field: tuple[str, str]
):
    for send, named in SENT[field]:
        for value in BAD:
            status, answer = send(stage, value)
            assert status == 400, (value, answer)
            (detail,) = answer["details"]
            assert detail["field"] == named
            assert "begins or ends with an invisible character" in detail["message"]


def test_a_text_of_several_lines_may_end_its_last_line(stage: Stage):
    for value in (KEY, KEY.replace("\n", "\r\n"), KEY.rstrip()):
        assert secret(stage, value)[0] == 200


def test_a_form_refuses_it_as_the_api_does(stage: Stage, browser: Browser):  # noqa: F811
    sent = {"name": "T", "prompt": "x", "trigger": "webhook", "path": "p", "signature": "github"}
    answer = browser.post("/tasks/new", mode="schedule", secret=f"{GOOD} ", **sent)
    assert "begins or ends with an invisible character" in answer.text
    assert stage.ok("GET", "/api/tasks?type=standalone")["tasks"] == []
