"""Senders as they are in life: pings, challenges, charsets, refusals, and their answers."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from typing import Any

import pytest

from chalicelib.domain import limits
from chalicelib.domain.access.key import Scope
from chalicelib.domain.triggers.webhook_senders import SENDERS
from tests.conftest import Stage
from tests.support.browser import Browser, browser  # noqa: F401
from tests.support.signed_deliveries import SECRET, blueprint, mac, made, now, post, signed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def firings(stage: Stage, kept: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.ok("GET", f"/api/tasks/{kept['task']}/firings")["firings"]
    return found


def runs(stage: Stage, kept: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.ok("GET", f"/api/tasks/{kept['task']}/runs")["runs"]
    return found


PINGS: list[tuple[str, bytes, dict[str, str]]] = [
    ("github", b'{"zen": "Keep it."}', {"X-GitHub-Event": "ping"}),
    ("pagerduty", b'{"event": {"id": "1", "event_type": "pagey.ping"}}', {}),
    ("slack", b"ssl_check=1&token=x", FORM),
    ("sentry", b'{"action": "created"}', {"Sentry-Hook-Resource": "installation"}),
    ("bitbucket", b'{"test": true}', {"X-Event-Key": "diagnostics:ping"}),
]


@pytest.mark.parametrize(("sender", "body", "more"), PINGS)
def test_a_ping_is_answered_and_recorded_and_fires_nothing(
    stage: Stage, sender: str, body: bytes, more: dict[str, str]
):
    kept = made(stage, signature=sender)
    status, answer = post(stage, body, {**signed(sender, body, now(stage)), **more})
    assert (status, answer["skipped"]) == (200, "ping")
    assert [one["reason"] for one in firings(stage, kept)] == ["ping"]
    again = stage.ok("POST", f"/api/firings/{answer['firingId']}/redeliver")
    assert again["skipped"] == "ping"
    assert runs(stage, kept) == []
    assert post(stage, body, more)[0] == 401


def test_a_ping_fires_where_the_events_name_it(stage: Stage):
    made(stage, signature="github", events=["ping"])
    headers = {**signed("github", b"{}", 0), "X-GitHub-Event": "ping"}
    assert post(stage, b"{}", headers)[0] == 202


def test_slack_is_answered_200_when_a_slash_command_fires(stage: Stage):
    made(stage, signature="slack", events=["/deploy"], paramMapping={"title": "$.text"})
    body = b"command=%2Fdeploy&text=web&trigger_id=13345224609.738474920.8088930838d88f008e0"
    headers = {**signed("slack", body, now(stage)), **FORM}
    status, answer = post(stage, body, headers)
    assert (status, "runId" in answer) == (200, True)


def test_a_system_hook_of_gitlab_is_named_by_its_event_name(stage: Stage):
    kept = made(stage, signature="gitlab", events=["project_*"])
    headers = {**signed("gitlab", b"", 0), "X-Gitlab-Event": "System Hook"}
    created = b'{"event_name": "project_create", "name": "web"}'
    assert post(stage, created, headers)[0] == 202
    # Webhooks that webhooks cause share one UUID.
    assert post(stage, b'{"event_name": "project_rename", "name": "web"}', headers)[0] == 202
    assert post(stage, created, headers)[1]["skipped"] == "duplicate"
    other = {**headers, "X-Gitlab-Event-UUID": "another"}
    assert post(stage, b'{"event_name": "user_create"}', other)[1]["skipped"] == "filtered"
    assert len(runs(stage, kept)) == 2


@pytest.mark.parametrize("events", [["*"], ["jira:*"], ["jira:issue_created"]])
def test_a_star_in_the_events_matches_what_it_stands_for(stage: Stage, events: list[str]):
    made(stage, signature="jira", events=events)
    body = b'{"webhookEvent": "jira:issue_created"}'
    assert post(stage, body, signed("jira", body, 0))[0] == 202


@pytest.mark.parametrize("sender", ["optio", "token"])
def test_our_own_signatures_name_the_event_in_a_header(stage: Stage, sender: str):
    made(stage, signature=sender, events=["deploy.done"])
    headers = signed(sender, b"{}", 0)
    assert post(stage, b"{}", {**headers, "X-Optio-Event": "deploy.done"})[0] == 202
    other = {**signed(sender, b"{}", 0, 2), "X-Optio-Event": "deploy.begun"}
    assert post(stage, b"{}", other)[1]["skipped"] == "filtered"


TEXT = '{"title": "été 5 €"}'
LATIN = '{"title": "été"}'
READ: list[tuple[bytes, dict[str, str], str]] = [
    (codecs.BOM_UTF8 + TEXT.encode(), {}, "été 5 €"),
    (TEXT.encode(), {"Content-Type": "text/plain; charset=UTF-8"}, "été 5 €"),
    (LATIN.encode("latin-1"), {"Content-Type": "application/json; charset=ISO-8859-1"}, "été"),
    (TEXT.encode("cp1252"), {"Content-Type": 'text/json; charset="windows-1252"'}, "été 5 €"),
    (TEXT.encode("utf-16"), {"Content-Type": "application/json; charset=utf-16"}, "été 5 €"),
    (gzip.compress(TEXT.encode(), mtime=0), {"Content-Encoding": "gzip"}, "été 5 €"),
    (
        gzip.compress(codecs.BOM_UTF8 + TEXT.encode(), mtime=0),
        {"Content-Encoding": "x-gzip"},
        "été 5 €",
    ),
    # Of a sender that signs before its compression: the gateway of AWS has decompressed it.
    (b'{"title": "plain"}', {"Content-Encoding": "gzip"}, "plain"),
]


@pytest.mark.parametrize(("body", "headers", "title"), READ)
def test_a_body_is_read_as_it_is_declared(
    stage: Stage, body: bytes, headers: dict[str, str], title: str
):
    kept = made(stage)
    told = {"X-Optio-Signature": mac(body), **headers}
    status, answer = deliver(stage, body, told)
    assert status == 202, answer
    run = stage.ok("GET", f"/api/tasks/{runs(stage, kept)[0]['id']}")["task"]
    assert run["metadata"]["triggerParams"] == {"title": title}


def deliver(stage: Stage, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """Post bytes as a gateway does that passes them on whole."""
    return post(stage, body, headers)


def test_a_signature_over_bytes_that_the_gateway_decompressed_is_refused_with_the_reason(
    stage: Stage,
):
    made(stage)
    content = b'{"title": "x"}'
    headers = {"Content-Encoding": "gzip", "X-Optio-Signature": mac(gzip.compress(content))}
    status, answer = deliver(stage, content, headers)
    assert (status, "the gateway decompressed the body" in answer["error"]) == (401, True)
    assert "gateway" not in deliver(stage, gzip.compress(content), {**headers, "X": ""})[1]


TASK = '{"type": "standalone", "name": "été", "prompt": "P"}'


@pytest.mark.parametrize(
    ("kind", "encoding", "body"),
    [
        ("application/json", "", codecs.BOM_UTF8 + TASK.encode()),
        ("application/json; charset=ISO-8859-1", "", TASK.encode("latin-1")),
        ("application/json", "gzip", gzip.compress(TASK.encode(), mtime=0)),
        ("application/json", "gzip", TASK.encode()),
    ],
    ids=["marked", "latin", "gzip", "decompressed"],
)
def test_the_api_reads_bodies_as_declared_too(stage: Stage, kind: str, encoding: str, body: bytes):
    headers = {"Content-Type": kind, "Content-Encoding": encoding}
    assert stage.ok("POST", "/api/tasks", body, **headers)["task"]["name"] == "été"


BOMB = gzip.compress(b" " * (200 * limits.MAX_BODY_BYTES), mtime=0)
REFUSED: list[tuple[bytes, dict[str, str], int, str]] = [
    (b'{"title": "\xe9"}', {}, 400, "the body is not valid UTF-8"),
    (b"\xff\xfe{", {"Content-Type": "application/json; charset=utf-16"}, 400, "not valid utf-16"),
    (b"{}", {"Content-Type": "application/json; charset=utf-7"}, 415, "charset 'utf-7'"),
    (b"{}", {"Content-Type": "application/json; charset=rot13"}, 415, "charset 'rot13'"),
    (b"{}", {"Content-Encoding": "br"}, 415, "Content-Encoding 'br'"),
    (b"\x1f\x8b{}", {"Content-Encoding": "gzip"}, 400, "not gzip"),
    (gzip.compress(b"{}", mtime=0)[:-9], {"Content-Encoding": "gzip"}, 400, "is incomplete"),
    (zlib.compress(b"{}"), {"Content-Encoding": "gzip"}, 400, "not gzip"),
    (BOMB, {"Content-Encoding": "gzip"}, 413, "decompressed delivery"),
    (b"<a/>", {"Content-Type": "application/xml"}, 415, "send JSON"),
    (b"hello", {"Content-Type": "text/plain"}, 400, "not valid JSON"),
    (b"payload=%ff", FORM, 400, "the form is not valid UTF-8"),
]


@pytest.mark.parametrize(("body", "headers", "status", "said"), REFUSED)
def test_a_signed_delivery_that_cannot_be_read_is_refused_and_recorded_once(
    stage: Stage, body: bytes, headers: dict[str, str], status: int, said: str
):
    kept = made(stage)
    told = {"X-Optio-Signature": mac(body), "X-Optio-Delivery": "d-1", **headers}
    assert len(body) <= limits.MAX_BODY_BYTES
    for _ in range(2):
        code, answer = deliver(stage, body, told)
        assert (code, said in answer["error"]) == (status, True), answer
    (firing,) = firings(stage, kept)
    assert firing["outcome"] == "failed"
    assert firing["occurrence"].startswith("d-1 ")
    assert said in firing["reason"]
    refused, answer = stage.call("POST", f"/api/firings/{firing['id']}/redeliver")
    assert (refused, "could not be read" in answer["error"]) == (409, True)
    assert runs(stage, kept) == []
    assert deliver(stage, body, headers)[0] == 401


@pytest.mark.parametrize("named", [{"X-Optio-Delivery": "d-1"}, {}])
def test_a_delivery_that_was_refused_fires_once_its_sender_declares_it_right(
    stage: Stage, named: dict[str, str]
):
    kept = made(stage)
    body = b'{"title": "x"}'
    told = {"X-Optio-Signature": mac(body), **named}
    assert post(stage, body, {**told, "Content-Type": "application/xml"})[0] == 415
    assert post(stage, body, told)[0] == 202
    assert sorted(one["outcome"] for one in firings(stage, kept)) == ["failed", "fired"]


def test_nothing_of_a_stranger_is_recorded_where_there_is_no_secret(stage: Stage):
    kept = made(stage, secret=None)
    assert post(stage, b"<a/>", {"Content-Type": "application/xml"})[0] == 415
    assert firings(stage, kept) == []


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}, FORM])
def test_a_post_without_a_body_is_an_empty_object_at_webhooks_alone(
    stage: Stage, headers: dict[str, str]
):
    kept = made(stage)
    status, answer = post(stage, b"", {"X-Optio-Signature": mac(b""), **headers})
    assert status == 202, answer
    run = stage.ok("GET", f"/api/tasks/{runs(stage, kept)[0]['id']}")["task"]
    assert run["metadata"]["triggerParams"] == {}
    assert stage.call("POST", "/api/tasks", b"", **headers)[0] == 400


def test_the_first_token_of_notion_stays_until_an_admin_decides(
    stage: Stage,
    browser: Browser,  # noqa: F811
):
    asked = blueprint(signature="notion", path="notes")
    del asked["triggers"][0]["config"]["secret"]
    made_now = stage.ok("POST", "/api/tasks", asked)
    where = f"/api/tasks/{made_now['task']['id']}/triggers"
    trigger = f"{where}/{made_now['triggers'][0]['id']}"

    def offered(token: str) -> int:
        body = {"verification_token": token}
        return stage.call("POST", "/api/hooks/notes", body, token="")[0]

    def shown(token: str | None = None) -> Any:
        more = {"token": token} if token else {}
        (found,) = stage.call("GET", where, **more)[1]["triggers"]
        return found["config"].get("verificationToken")

    assert offered("secret_of_notion_0001") == 200
    assert offered("secret_of_a_stranger") == 409
    assert offered("secret_of_notion_0001") == 200
    assert shown() == "secret_of_notion_0001"
    page = f"/tasks/scheduled/{made_now['task']['id']}/triggers/{made_now['triggers'][0]['id']}"
    assert "secret_of_notion_0001" in browser.get(page).text
    for scope in (Scope.READ, Scope.WRITE):
        body = {"name": scope.value, "scopes": sorted({"read", scope.value})}
        key = stage.ok("POST", "/api/auth/api-keys", body)["token"]
        assert shown(key) is None
        _, answer = stage.call("PATCH", trigger, {"enabled": True}, token=key)
        assert "secret_of_notion" not in json.dumps(answer)
        if scope is Scope.WRITE:
            reader = Browser(stage).sign_in(key)
            assert "secret_of_notion" not in reader.get(page).text
    notes = {"path": "notes", "signature": "notion"}
    stage.ok("PATCH", trigger, {"config": {**notes, "events": ["page.*"]}})
    assert shown() == "secret_of_notion_0001"
    stage.ok("PATCH", trigger, {"config": {**notes, "discardVerificationToken": True}})
    assert shown() is None
    assert offered("secret_of_notion_0002") == 200
    assert shown() == "secret_of_notion_0002"


EVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "com.shop.order", "x": "é"}


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_a_cloud_event_has_the_same_params_in_both_modes(stage: Stage, mode: str):
    kept = made(stage, signature="cloudevents", events=["com.shop.*"])
    data = {"title": "été"}
    if mode == "structured":
        body = json.dumps({**EVENT, "datacontenttype": "application/json", "data": data}).encode()
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    else:
        body = json.dumps(data).encode()
        told = {f"ce-{name}": value for name, value in EVENT.items()}
        headers = {**told, "ce-x": "%C3%A9", "Content-Type": "application/json"}
    headers["Authorization"] = f"Bearer {SECRET}"
    status, answer = post(stage, body, headers)
    assert status == 202, answer
    run = stage.ok("GET", f"/api/tasks/{runs(stage, kept)[0]['id']}")["task"]
    expected = {**EVENT, "datacontenttype": "application/json", "data": data}
    assert run["metadata"]["triggerParams"] == expected
    assert post(stage, body, headers)[1]["skipped"] == "duplicate"
    assert firings(stage, kept)[0]["occurrence"] == "/shop#1"


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"[]", "application/cloudevents-batch+json", 415, "batches"),
        (b"{}", "application/cloudevents+json", 400, "it has no id, source, specversion, type"),
        (b"{}", "application/json", 400, "it has no id"),
        (b"", "application/cloudevents+json", 400, "not valid JSON"),
    ],
)
def test_what_is_no_single_cloud_event_is_refused(
    stage: Stage, body: bytes, kind: str, status: int, said: str
):
    made(stage, signature="cloudevents")
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": kind}
    code, answer = post(stage, body, headers)
    assert (code, said in answer["error"]) == (status, True), answer


def test_a_sender_of_cloud_events_is_allowed_to_deliver(stage: Stage):
    made(stage, signature="cloudevents")
    origin = "events.example.com"
    asked = {"WebHook-Request-Origin": origin, "WebHook-Request-Rate": "120"}
    answer = stage._client.http.request("OPTIONS", "/api/hooks/alerts", headers=asked)
    allowed = {name.lower(): value for name, value in answer.headers.items()}
    assert answer.status_code == 200
    assert allowed["webhook-allowed-origin"] == origin
    assert (allowed["webhook-allowed-rate"], allowed["allow"]) == ("*", "POST")
    assert stage.call("OPTIONS", "/api/hooks/alerts", token="")[0] == 400
    strange = {"WebHook-Request-Origin": "a b"}
    assert stage.call("OPTIONS", "/api/hooks/alerts", token="", **strange)[0] == 400
    assert stage.call("OPTIONS", "/api/hooks/nobody", token="", **asked)[0] == 404
    assert stage.call("GET", "/api/hooks/alerts?hub.challenge=1", token="")[0] == 405


def test_only_senders_that_ask_so_are_answered_by_options(stage: Stage):
    made(stage, signature="github")
    asked = {"WebHook-Request-Origin": "events.example.com"}
    assert stage.call("OPTIONS", "/api/hooks/alerts", token="", **asked)[0] == 405


def grid(kind: str, data: dict[str, Any], **more: Any) -> bytes:
    event = {"id": "e-1", "eventType": kind, "subject": "s", "data": data, **more}
    return json.dumps([event]).encode()


def test_event_grid_is_validated_and_delivers_one_event_at_a_time(stage: Stage):
    kept = made(stage, signature="eventgrid", paramMapping={"title": "$.data.title"})
    code = {"validationCode": "512d38b6"}
    validation = grid("Microsoft.EventGrid.SubscriptionValidationEvent", code)
    assert post(stage, validation, {}) == (200, {"validationResponse": "512d38b6"})
    body = grid("Shop.Order", {"title": "x"})
    assert post(stage, body, {})[0] == 401
    bearer = {"Authorization": f"Bearer {SECRET}"}
    assert post(stage, body, bearer)[0] == 202
    assert post(stage, body, bearer)[1]["skipped"] == "duplicate"
    two = json.dumps(json.loads(body) * 2).encode()
    status, answer = post(stage, two, bearer)
    assert (status, "batch size" in answer["error"]) == (400, True)
    assert sorted(one["outcome"] for one in firings(stage, kept)) == ["failed", "fired"]


def test_each_sender_says_how_it_may_be_verified():
    for name, sender in SENDERS.items():
        assert sender.label, name
        assert sender.scheme, name
        assert sender.named_by_bytes or sender.id_headers or sender.id_paths, name
        assert sender.event_headers or sender.event_paths, name
        assert sender.success_status in (200, 202), name


def test_an_event_of_linear_itself_is_verified_like_a_delivery_and_answered_200(stage: Stage):
    stage.ok("PUT", "/api/secrets/LINEAR_WEBHOOK_SECRET", {"value": SECRET, "scope": "global"})

    def sent(body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        return stage.call("POST", "/api/webhooks/linear", body, token="", **headers)

    body = json.dumps({"type": "Issue", "webhookTimestamp": now(stage) * 1000}).encode()
    assert sent(body, signed("linear", body, 0)) == (200, {"event": "issue", "looking": []})
    assert sent(body, {**signed("linear", body, 0), "Linear-Signature": "0" * 64})[0] == 401
    old = json.dumps({"webhookTimestamp": (now(stage) - 25 * 3600) * 1000}).encode()
    assert sent(old, signed("linear", old, 0))[0] == 401
    assert sent(b"<a/>", {**signed("linear", b"<a/>", 0), "Content-Type": "text/xml"})[0] == 415
