"""Permissions: every operation of the API, with every kind of credential."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import Chalice, Response
from chalice.test import Client

from chalicelib import wiring
from chalicelib.actions.access import keys
from chalicelib.domain.access.key import ROLE_SCOPES, Role, Scope, Unauthorized
from chalicelib.storage.records import KeyRecord
from chalicelib.web.http.authentication import current_caller
from chalicelib.web.http.headers import COMMON_HEADERS, NO_CONTENT_POLICY
from chalicelib.web.http.operation import ApiOperation
from chalicelib.web.http.responses import json_answer
from chalicelib.web.http.routes import ALL_ROUTES, Routes
from chalicelib.web.pages.rendering import asset_path, static_files
from infra.package import gateway
from tests.conftest import NOON, TOKEN, Stage, key_of

OPERATIONS = sorted(
    (one for room in ALL_ROUTES for one in room.operations), key=lambda one: (one.path, one.method)
)
GUARDED = [one for one in OPERATIONS if one.scope]
OPEN = {
    "/api/health",
    "/api/openapi.json",
    "/api/hooks/{path}",
    "/api/webhooks/github",
    "/api/webhooks/jira",
    "/api/webhooks/linear",
    "/docs",
}


def ids(one: ApiOperation) -> str:
    return f"{one.method} {one.path}"


def tried(stage: Stage, one: ApiOperation, token: str) -> int:
    path = re.sub(r"{\w+}", str(uuid.uuid4()), one.path)
    body = {} if one.method in ("POST", "PUT", "PATCH") else None
    status, answer = stage.call(one.method, path, body, token=token)
    assert status < 500, answer
    return status


def test_each_operation_lets_in_whom_it_names_and_nobody_else(stage: Stage):
    key_of("optio_pat_expired", tuple(Scope), expires_at=NOON)
    revoked = key_of("optio_pat_revoked", tuple(Scope))
    KeyRecord(id=revoked.id).delete()
    for needed in Scope:
        key_of(f"optio_pat_enough_{needed}", (needed,))
        key_of(f"optio_pat_weak_{needed}", tuple(scope for scope in Scope if scope is not needed))
    bad = ("", "optio_pat_never", "nonsense", "optio_pat_expired", "optio_pat_revoked")

    answers = {
        ids(one): (
            [tried(stage, one, token) for token in bad],
            tried(stage, one, f"optio_pat_weak_{one.scope}"),
            tried(stage, one, f"optio_pat_enough_{one.scope}") in (401, 403),
        )
        for one in GUARDED
    }

    assert len(answers) > 40
    expected = ([401] * len(bad), 403, False)
    assert {name: found for name, found in answers.items() if found != expected} == {}


def test_the_document_states_the_same_scopes_and_what_is_open(stage: Stage):
    document = stage.ok("GET", "/api/openapi.json")
    told = {
        (method.upper(), path): operation["security"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert told == {
        (one.method, one.path): [{"key": [one.scope.value]}] if one.scope else []
        for one in OPERATIONS
    }
    assert {path for (_, path), needs in told.items() if not needs} == OPEN


def test_a_route_that_states_no_scope_cannot_be_built():
    with pytest.raises(TypeError, match="scope"):
        Routes("probe").add_route("GET", "/api/probe")  # type: ignore[call-arg]
    ALL_ROUTES.pop()


def test_a_write_that_states_no_action_cannot_be_built():
    routes = Routes("probe")
    ALL_ROUTES.pop()
    with pytest.raises(TypeError, match="state its action"):
        routes.add_route("POST", "/api/probe", scope=Scope.WRITE)


def test_an_open_route_has_no_caller_after_a_call_with_a_key(stage: Stage):
    probe, routes = Chalice("probe"), Routes("probe")
    ALL_ROUTES.pop()

    @routes.add_route("GET", "/api/probe/guarded", scope=Scope.READ)
    def guarded() -> Response:
        """Return the caller."""
        return json_answer({"caller": current_caller().name})

    @routes.add_route("GET", "/api/probe/open", scope=None)
    def opened() -> Response:
        """Ask for the caller."""
        with pytest.raises(RuntimeError, match="open route"):
            current_caller()
        return json_answer({})

    probe.register_blueprint(routes)
    with Client(probe) as client:
        sent = {"Authorization": f"Bearer {TOKEN}"}
        for path, told in (("guarded", {"caller": "of tests"}), ("open", {})):
            answer = client.http.get(f"/api/probe/{path}", headers=sent)
            assert (answer.status_code, answer.json_body) == (200, told)


def made(stage: Stage, **asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = stage.ok("POST", "/api/auth/api-keys", {"name": "Ann", **asked})
    return answer


@pytest.mark.parametrize("role", Role)
def test_a_role_is_its_scopes(stage: Stage, role: Role):
    answer = made(stage, role=role.value)
    assert answer["apiKey"]["scopes"] == [scope.value for scope in ROLE_SCOPES[role]]
    assert re.fullmatch(r"optio_pat_[\w-]{43}", answer["token"])
    may_write = role is not Role.VIEWER
    body = {"type": "standalone", "name": "N", "prompt": "P"}
    status, _ = stage.call("POST", "/api/tasks", body, token=answer["token"])
    assert status == (201 if may_write else 403)
    assert stage.call("GET", "/api/tasks", token=answer["token"])[0] == 200
    for method, path, sent in (
        ("POST", "/api/auth/api-keys", {"name": "Another", "role": "admin"}),
        ("GET", "/api/activity", None),
        ("PUT", "/api/secrets/ANOTHER", {"value": "a value of its own"}),
        ("POST", "/api/webhooks", {"url": "https://hooks.example.com/x"}),
    ):
        status, _ = stage.call(method, path, sent, token=answer["token"])
        assert (status == 403) == (role is not Role.ADMIN), path


def test_a_token_is_told_once_and_kept_nowhere(stage: Stage):
    answer = made(stage, scopes=["runner"])
    token = answer["token"]

    listed = stage.ok("GET", "/api/auth/api-keys")["apiKeys"]

    assert token not in str(listed)
    assert token not in str([row.attribute_values for row in KeyRecord.scan()])
    shown = next(key for key in listed if key["id"] == answer["apiKey"]["id"])
    assert (shown["name"], shown["role"], shown["scopes"]) == ("Ann", None, ["runner"])
    claim = {"runner": "r1"}
    assert stage.call("POST", "/api/runner/claim", claim, token=token)[0] == 204
    assert stage.call("GET", "/api/tasks", token=token)[0] == 403


def test_a_revoked_key_and_its_sessions_end_at_once(stage: Stage):
    answer = made(stage, role="viewer")
    world = wiring.get_world()
    session, token = keys.open_session(world, answer["token"])
    assert keys.principal_of(world, token).session

    stage.ok("DELETE", f"/api/auth/api-keys/{answer['apiKey']['id']}")

    assert stage.call("GET", "/api/tasks", token=answer["token"])[0] == 401
    with pytest.raises(Unauthorized):
        keys.principal_of(world, token)
    assert stage.call("DELETE", f"/api/auth/api-keys/{answer['apiKey']['id']}")[0] == 404
    assert stage.call("DELETE", f"/api/auth/api-keys/{session.id}")[0] == 404


def test_a_session_ends_by_itself_or_when_it_is_closed_and_is_no_bearer(stage: Stage):
    world = wiring.get_world()
    session, token = keys.open_session(world, TOKEN)
    _, other = keys.open_session(world, TOKEN)
    assert stage.call("GET", "/api/tasks", token=token)[0] == 401
    assert keys.principal_of(world, token).has_scope(Scope.ADMIN)
    keys.close_session(world, other)
    keys.close_session(world, other)
    with pytest.raises(Unauthorized):
        keys.principal_of(world, other)
    assert session.expires_at
    stage.now = session.expires_at
    with pytest.raises(Unauthorized, match="expired"):
        keys.principal_of(world, token)
    with pytest.raises(Unauthorized):
        keys.open_session(world, token)


def test_the_last_use_is_written_once_in_five_minutes_and_never_by_a_beat(stage: Stage):
    answer = made(stage, scopes=["read", "runner"])
    row = lambda: KeyRecord.get(answer["apiKey"]["id"]).used_at  # noqa: E731
    beat = {"runId": str(uuid.uuid4()), "attempt": 1, "stage": "agent", "lines": []}
    assert stage.call("POST", "/api/runner/beat", beat, token=answer["token"])[0] == 404
    assert row() is None
    stage.call("GET", "/api/tasks", token=answer["token"])
    first = row()
    assert first
    stage.now += timedelta(minutes=4)
    stage.call("GET", "/api/tasks", token=answer["token"])
    assert row() == first
    stage.now += timedelta(minutes=1)
    stage.call("GET", "/api/tasks", token=answer["token"])
    assert row() > first


def test_an_expired_key_says_so_and_no_key_revokes_itself(stage: Stage):
    soon = made(stage, expiresAt="2026-05-04T13:00:00Z")
    stage.now += timedelta(hours=1)
    status, answer = stage.call("GET", "/api/tasks", token=soon["token"])
    assert (status, answer["error"]) == (401, "this API key has expired")
    listed = stage.ok("GET", "/api/auth/api-keys")["apiKeys"]
    assert {key["id"]: key["expired"] for key in listed}[soon["apiKey"]["id"]]
    mine = next(key["id"] for key in listed if "admin" in key["scopes"])
    assert stage.call("DELETE", f"/api/auth/api-keys/{mine}")[0] == 409


def test_of_two_keys_that_revoke_each_other_at_once_one_is_left(stage: Stage):
    world = wiring.get_world()
    tokens = [made(stage, role="admin")["token"] for _ in range(2)]
    ann, bob = (keys.principal_of(world, token) for token in tokens)

    keys.revoke_key(world, ann.id, bob)
    with pytest.raises(Unauthorized, match="revoked during this request"):
        keys.revoke_key(world, bob.id, ann)  # whose request was let in before

    assert keys.principal_of(world, tokens[1]) == bob


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"name": ""}, "name"),
        ({"role": "king"}, "role"),
        ({"scopes": []}, "scopes"),
        ({"role": "viewer", "scopes": ["write"]}, "scopes"),
        ({"expiresAt": "2026-05-04T11:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2026-06-04T11:00:00"}, "expiresAt"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(stage: Stage, wrong: dict[str, Any], field: str):
    status, answer = stage.call("POST", "/api/auth/api-keys", {"name": "Ann", **wrong})
    assert status == 400
    assert answer["details"][0]["field"].startswith(field)


@pytest.mark.parametrize("token", [TOKEN, ""])
@pytest.mark.parametrize(
    "method, path",
    [
        *(("GET", "/docs"), ("GET", "/api/openapi.json"), ("GET", "/login"), ("GET", "/")),
        *(("GET", "/tasks"), ("POST", "/tasks"), ("GET", "/static/x/none.css")),
        *(("GET", "/api/tasks"), ("POST", "/api/tasks"), ("GET", "/api/tasks/none")),
        *(("PUT", "/api/health"), ("POST", "/api/hooks/none")),
    ],
)
def test_every_answer_carries_the_same_security_headers(
    stage: Stage, method: str, path: str, token: str
):
    answered = stage.headers(method, path, token=token)
    assert answered.pop("Referrer-Policy") in ("no-referrer", "same-origin")  # forms tell their own
    expected = {name: text for name, text in COMMON_HEADERS.items() if name != "Referrer-Policy"}
    assert {name: answered.get(name) for name in expected} == expected
    policy = answered["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("name", sorted(static_files()))
def test_a_static_file_carries_them_as_well_but_may_be_kept(stage: Stage, name: str):
    for path in (f"/{asset_path(name)}", f"/static/old/{name}"):
        answered = stage.headers("GET", path, token="")
        for header, text in (
            COMMON_HEADERS | {"Content-Security-Policy": NO_CONTENT_POLICY}
        ).items():
            assert header == "Cache-Control" or answered.get(header) == text
        kept = "immutable" if "old" not in path else "no-cache"
        assert kept in answered["Cache-Control"]


def test_an_answer_without_a_body_and_a_redirect_carry_them_as_well(stage: Stage):
    body = {"type": "standalone", "name": "Greet", "prompt": "Greet."}
    task = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    answers = [
        stage.headers("GET", "/", token=""),
        stage.headers("DELETE", f"/api/tasks/{task}", token=TOKEN),
        stage.headers("OPTIONS", "/api/hooks/none", token=""),
    ]
    for answered in answers:
        assert answered["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answered["Content-Security-Policy"]
        assert answered["X-Content-Type-Options"] == "nosniff"


def test_what_the_gateway_answers_itself_carries_them_as_well():
    health = {"get": {"x-amazon-apigateway-integration": {}}}
    blueprint = gateway.completed({"info": {}, "paths": {"/api/health": health}}, "optio")
    for answer in blueprint["x-amazon-apigateway-gateway-responses"].values():
        sent = answer["responseParameters"]
        for name, text in COMMON_HEADERS.items():
            assert sent[f"gatewayresponse.header.{name}"] == f"'{text}'"
        assert sent["gatewayresponse.header.Content-Security-Policy"] == "'sandbox'"


@pytest.mark.parametrize(
    "method, path, token",
    [("GET", "/api/tasks", TOKEN), ("GET", "/api/tasks", ""), ("GET", "/api/health", "")],
)
def test_no_answer_is_cached_framed_sniffed_or_sent_in_clear(
    stage: Stage, method: str, path: str, token: str
):
    told = stage.headers(method, path, token=token)
    assert told["Cache-Control"] == "no-store"
    assert told["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert told["Strict-Transport-Security"].startswith("max-age=63072000")
    assert (told["X-Content-Type-Options"], told["X-Frame-Options"]) == ("nosniff", "DENY")
