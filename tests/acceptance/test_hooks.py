"""Deliveries of the world's senders: believed, fired once, answered."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from standardwebhooks import Webhook

from chalicelib import wiring
from chalicelib.domain.errors import RateLimited
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.web.http.errors import error_response
from tests.conftest import Stage
from tests.support.shared import shared
from tests.support.signed_deliveries import (
    NAMED_BY_TOKEN,
    SECRET,
    STANDARD,
    blueprint,
    mac,
    made,
    now,
    post,
    secret_of,
    signed,
    standard,
)


def test_a_delivery_fires_what_the_library_says(stage: Stage):
    body = {"name": "Watcher", "template": "By the library."}
    template = stage.ok("POST", "/api/prompt-templates", body)["promptTemplate"]["id"]
    task = made(stage, signature="github")["task"]
    stage.ok("PATCH", f"/api/tasks/{task}", {"promptTemplateId": template, "prompt": ""})
    sent = b"{}"
    assert post(stage, sent, signed("github", sent, now(stage)))[0] == 202
    (run,) = stage.ok("GET", f"/api/tasks/{task}/runs")["runs"]
    assert stage.ok("GET", f"/api/tasks/{run['id']}")["task"]["prompt"] == "By the library."


WITH_SECRETS = sorted(name for name, sender in SENDERS.items() if sender.check)


@pytest.mark.parametrize("preset", WITH_SECRETS)
def test_each_sender_is_believed_once_and_only_with_its_signature(stage: Stage, preset: str):
    mapping = {"title": "$.data.title"} if preset == "cloudevents" else None
    made(stage, signature=preset, secret=secret_of(preset), paramMapping=mapping)
    body = b'{"id": "x-1", "event_id": "x-1", "event": {"id": "x-1"}, "title": "\xc3\xa9t\xc3\xa9"}'
    headers = signed(preset, body, now(stage))

    status, first = post(stage, body, headers)
    assert status == SENDERS[preset].success_status, first
    run = stage.ok("GET", f"/api/tasks/{first['runId']}")["task"]
    assert run["prompt"] == "Look at été."
    assert post(stage, body, headers) == (200, {"skipped": "duplicate", **first})

    assert post(stage, body, {})[0] == 401
    for name, value in headers.items():
        if "ignature" not in name and name not in ("Authorization", "X-Gitlab-Token"):
            continue
        flipped = value[:-1] + ("0" if value[-1] != "0" else "1")
        assert post(stage, body, {**headers, name: flipped})[0] == 401, name
    if preset not in NAMED_BY_TOKEN:
        assert post(stage, body.replace(b"x-1", b"x-2"), headers)[0] == 401
    firings = stage.ok("GET", f"/api/tasks/{run['metadata']['taskConfigId']}/firings")["firings"]
    assert [firing["outcome"] for firing in firings] == ["fired"]


@pytest.mark.parametrize("preset", ["stripe", "slack", "standard-webhooks"])
def test_what_was_signed_long_ago_is_not_believed(stage: Stage, preset: str):
    made(stage, signature=preset, secret=secret_of(preset))
    for offset in (-301, 301):
        assert post(stage, b"{}", signed(preset, b"{}", now(stage) + offset))[0] == 401
    status, _ = post(stage, b"{}", signed(preset, b"{}", now(stage) - 299))
    assert status == SENDERS[preset].success_status


def test_linear_is_answered_200_and_its_retry_hours_later_is_the_same_delivery(stage: Stage):
    made(stage, signature="linear")
    body = json.dumps({"type": "Issue", "webhookTimestamp": now(stage) * 1000}).encode()
    status, first = post(stage, body, signed("linear", body, 0))
    assert (status, "runId" in first) == (200, True)
    stage.now += timedelta(hours=6)
    again = {"skipped": "duplicate", **first}
    assert post(stage, body, signed("linear", body, 0)) == (200, again)
    # Its id is not signed: the same bytes under another one are a replay, and fire nothing.
    assert post(stage, body, signed("linear", body, 0, 2)) == (200, again)
    late = json.dumps({"n": 1, "webhookTimestamp": (now(stage) - 3600) * 1000}).encode()
    assert "runId" in post(stage, late, signed("linear", late, 0))[1]
    for moved in (-25 * 3600, 600):
        old = json.dumps({"webhookTimestamp": (now(stage) + moved) * 1000}).encode()
        assert post(stage, old, signed("linear", old, 0))[0] == 401


def test_the_library_of_standard_webhooks_signs_what_we_verify():
    from datetime import UTC, datetime

    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    mine = standard("msg_1", int(at.timestamp()), b'{"a": 1}')
    assert Webhook(STANDARD).sign("msg_1", at, '{"a": 1}') == mine


def test_any_of_the_secrets_of_a_rotation_is_believed_and_none_is_shown(stage: Stage):
    new = "another secret of it"
    kept = made(stage, secret=[SECRET, new])
    assert kept["trigger"]["config"] == {
        "path": "alerts",
        "signature": "optio",
        "hasSecret": True,
        "filter": None,
        "events": [],
    }
    for secret, body in ((SECRET, b'{"n": 1}'), (new, b'{"n": 2}')):
        assert post(stage, body, {"X-Optio-Signature": mac(body, secret)})[0] == 202
    where = f"/api/tasks/{kept['task']}/triggers/{kept['trigger']['id']}"
    stage.ok("PATCH", where, {"config": {"path": "alerts"}})
    assert post(stage, b"{}", {"X-Optio-Signature": mac(b"{}", new)})[0] == 202
    stage.ok("PATCH", where, {"config": {"path": "alerts", "secret": "a third and last one"}})
    assert post(stage, b"[]", {"X-Optio-Signature": mac(b"[]", new)})[0] == 401
    rows = wiring.get_world().triggers.get(kept["trigger"]["id"])
    assert SECRET not in repr(rows)


def test_without_a_delivery_id_the_same_body_is_one_delivery_for_five_minutes(stage: Stage):
    made(stage)
    body = b'{"title": "again"}'
    headers = {"X-Optio-Signature": mac(body)}
    first = post(stage, body, headers)
    stage.now += timedelta(minutes=4, seconds=59)
    assert post(stage, body, headers)[1] == {"skipped": "duplicate", **first[1]}
    stage.now += timedelta(seconds=1)
    status, later = post(stage, body, headers)
    assert status == 202
    assert later["runId"] != first[1]["runId"]


def test_a_delivery_id_is_remembered_for_as_long_as_a_sender_tries(stage: Stage):
    made(stage, signature="github")
    headers = signed("github", b"{}", 0)
    first = post(stage, b"{}", headers)[1]
    stage.now += timedelta(days=20)
    assert post(stage, b"{}", headers) == (200, {"skipped": "duplicate", **first})


def test_one_delivery_posted_fifty_times_at_once_is_one_task(stage: Stage):
    kept = made(stage, signature="github")
    headers = signed("github", b"{}", 0)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(stage, b"{}", headers), range(50)))
    assert sorted(status for status, _ in answers) == [200] * 49 + [202]
    assert len({answer["runId"] for _, answer in answers}) == 1
    assert len(stage.ok("GET", f"/api/tasks/{kept['task']}/runs")["runs"]) == 1


def test_of_fifty_who_want_one_path_one_gets_it(stage: Stage):
    bare = blueprint()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stage.call("POST", "/api/tasks", bare)[0], range(50)))
    assert sorted(answers) == [201] + [409] * 49
    (fault,) = stage.call("POST", "/api/tasks", bare)[1]["details"]
    assert fault["field"] == "triggers.0.config.path"
    assert len(stage.ok("GET", "/api/tasks?type=standalone")["tasks"]) == 1


def test_a_filter_and_a_list_of_events_let_through_what_they_name(stage: Stage):
    kept = made(
        stage,
        signature="github",
        events=["issues.opened", "pull_request.*"],
        filter="labels[?name=='bug'] || draft",
    )

    def sent(number: int, event: str, **payload: Any) -> tuple[int, Any]:
        body = json.dumps(payload).encode()
        headers = {**signed("github", body, 0, number), "X-GitHub-Event": event}
        return post(stage, body, headers)

    bug = {"labels": [{"name": "bug"}]}
    assert sent(1, "issues", action="opened", **bug)[0] == 202
    assert sent(2, "pull_request", action="closed", draft=True)[0] == 202
    for answer in (
        sent(3, "issues", action="closed", **bug),
        sent(4, "issues", action="opened", labels=[]),
        sent(5, "push", **bug),
    ):
        assert answer[0] == 200
        assert answer[1]["skipped"] == "filtered"
    firings = stage.ok("GET", f"/api/tasks/{kept['task']}/firings")["firings"]
    reasons = [str(firing["reason"]) for firing in firings]
    assert sorted(reasons) == ["None"] * 2 + ["filtered"] * 3


def test_a_redelivery_is_judged_by_the_events_and_the_filter_of_today(stage: Stage):
    kept = made(stage, signature="github", events=["issues.opened"])
    body = json.dumps({"action": "closed"}).encode()
    headers = {**signed("github", body, 0), "X-GitHub-Event": "issues"}
    first = post(stage, body, headers)[1]
    again = f"/api/firings/{first['firingId']}/redeliver"
    hook = f"/api/tasks/{kept['task']}/triggers/{kept['trigger']['id']}"

    def redelivered(**config: Any) -> Any:
        named = {"path": "alerts", "signature": "github", **config}
        stage.ok("PATCH", hook, {"config": named})
        return stage.ok("POST", again)

    assert stage.ok("POST", again)["skipped"] == "filtered"
    assert redelivered(events=["issues.opened"], filter="action == 'closed'")["skipped"]
    assert redelivered(events=["issues.*"], filter="action == 'opened'")["skipped"] == "filtered"
    assert "runId" in redelivered(events=["issues.*"], filter="action == 'closed'")


def test_params_are_picked_out_of_the_payload_and_the_payload_is_kept(stage: Stage):
    made(stage, paramMapping={"title": "$.issue.labels[0].name", "none": "$.a.b", "all": "$"})
    payload = {"issue": {"labels": [{"name": "été"}]}, "n": 1.0}
    body = json.dumps(payload).encode()
    answer = post(stage, body, {"X-Optio-Signature": mac(body)})[1]

    run = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
    assert run["prompt"] == "Look at été."
    assert run["metadata"]["triggerParams"] == {"title": "été", "none": None, "all": payload}
    firing = stage.ok("GET", f"/api/firings/{answer['firingId']}")["firing"]
    assert firing["payload"] == payload


@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"null", b"17"])
def test_what_is_no_object_becomes_the_payload(stage: Stage, body: bytes):
    made(stage)
    answer = post(stage, body, {"X-Optio-Signature": mac(body)})[1]
    run = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
    assert run["metadata"]["triggerParams"] == {"payload": json.loads(body)}


def test_a_form_may_hold_json_in_its_payload(stage: Stage):
    made(stage, signature="github")
    body = urlencode({"payload": json.dumps({"title": "a & b"})}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = post(stage, body, {**signed("github", body, 0), **form})[1]
    prompt = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]["prompt"]
    assert prompt == "Look at a & b."
    other = b"a=1"
    assert post(stage, other, {**signed("github", other, 0, 2), **form})[0] == 400


def test_what_cannot_be_read_is_refused_after_its_signature(stage: Stage):
    made(stage)
    for body, kind, status in (
        (b"{", "application/json", 400),
        (b"<a/>", "application/xml", 415),
        (b"[" * 100_000, "application/json", 400),
    ):
        headers = {"X-Optio-Signature": mac(body), "Content-Type": kind}
        assert post(stage, body, headers)[0] == status
        assert post(stage, body, {"Content-Type": kind})[0] == 401


def test_a_payload_of_a_mebibyte_arrives_whole_and_a_bigger_one_not_at_all(stage: Stage):
    made(stage)
    noise = hashlib.shake_256(b"seed").hexdigest((2**20 - 30) // 2)
    body = json.dumps({"title": "x", "noise": noise}).encode()
    assert 2**20 - 20 < len(body) <= 2**20
    answer = post(stage, body, {"X-Optio-Signature": mac(body)})[1]
    run = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
    assert run["metadata"]["triggerParams"]["noise"] == noise
    assert post(stage, b" " * (2**20 + 1), {})[0] == 413


def test_slack_and_notion_try_an_address_out(stage: Stage):
    made(stage, signature="slack")
    body = b'{"type": "url_verification", "challenge": "c-1"}'
    assert post(stage, body, signed("slack", body, now(stage))) == (200, {"challenge": "c-1"})
    assert post(stage, body, {})[0] == 401

    asked = blueprint(signature="notion", path="notes")
    del asked["triggers"][0]["config"]["secret"]
    answer = stage.ok("POST", "/api/tasks", asked)
    where = f"/api/tasks/{answer['task']['id']}/triggers"
    token = {"verification_token": "secret_of_notion_0001"}
    assert stage.call("POST", "/api/hooks/notes", {"id": "1"}, token="")[0] == 401
    assert stage.call("POST", "/api/hooks/notes", token, token="") == (200, {})
    (trigger,) = stage.ok("GET", where)["triggers"]
    assert trigger["config"]["verificationToken"] == "secret_of_notion_0001"
    confirmed = {"path": "notes", "signature": "notion", "secret": "secret_of_notion_0001"}
    stage.ok("PATCH", f"{where}/{trigger['id']}", {"config": confirmed})
    body = b'{"id": "1"}'
    headers = {"X-Notion-Signature": f"sha256={mac(body, 'secret_of_notion_0001')}"}
    assert stage.call("POST", "/api/hooks/notes", body, token="", **headers)[0] == 202
    assert stage.call("POST", "/api/hooks/notes", token, token="")[0] == 401


def test_a_paused_definition_skips_and_a_paused_trigger_is_not_there(stage: Stage):
    kept = made(stage)
    headers = {"X-Optio-Signature": mac(b"{}")}
    stage.ok("PATCH", f"/api/tasks/{kept['task']}", {"enabled": False})
    status, answer = post(stage, b"{}", headers)
    assert (status, answer["skipped"]) == (200, "paused")
    stage.ok("PATCH", f"/api/tasks/{kept['task']}", {"enabled": True})
    where = f"/api/tasks/{kept['task']}/triggers/{kept['trigger']['id']}"
    stage.ok("PATCH", where, {"enabled": False})
    assert post(stage, b"[]", {"X-Optio-Signature": mac(b"[]")})[0] == 404
    stage.ok("DELETE", where)
    assert post(stage, b"[]", {"X-Optio-Signature": mac(b"[]")})[0] == 404


def test_a_trigger_that_is_paused_while_its_delivery_is_decided_fires_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    kept = made(stage)
    where = f"/api/tasks/{kept['task']}/triggers/{kept['trigger']['id']}"
    firings = wiring.get_world().firings
    commit = firings.commit_decision

    def paused_before(decision: Any) -> None:
        monkeypatch.setattr(firings, "commit_decision", commit)
        stage.ok("PATCH", where, {"enabled": False})
        commit(decision)

    monkeypatch.setattr(firings, "commit_decision", paused_before)

    assert post(stage, b"{}", {"X-Optio-Signature": mac(b"{}")})[0] == 404
    assert stage.ok("GET", f"/api/tasks/{kept['task']}/runs")["runs"] == []


def test_a_filter_that_is_edited_while_a_delivery_is_decided_applies_to_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    kept = made(stage)
    where = f"/api/tasks/{kept['task']}/triggers/{kept['trigger']['id']}"
    firings = wiring.get_world().firings
    commit = firings.commit_decision

    def edited_before(decision: Any) -> None:
        monkeypatch.setattr(firings, "commit_decision", commit)
        stage.ok("PATCH", where, {"config": {"path": "alerts", "filter": "wanted"}})
        commit(decision)

    monkeypatch.setattr(firings, "commit_decision", edited_before)

    status, answer = post(stage, b"{}", {"X-Optio-Signature": mac(b"{}")})
    assert (status, answer["skipped"]) == (200, "filtered")


def test_a_flood_on_one_path_is_told_when_to_come_again(stage: Stage):
    made(stage)
    statuses = [post(stage, b"x", {})[0] for _ in range(101)]
    assert statuses == [401] * 100 + [429]
    refusal = error_response(RateLimited(timedelta(milliseconds=1200)))
    assert (refusal.status_code, refusal.headers["Retry-After"]) == (429, "2")
    assert stage.call("POST", "/api/hooks/other", b"{}", token="")[0] == 404
    stage.now += timedelta(seconds=1)
    assert post(stage, b"x", {})[0] == 401


@pytest.mark.parametrize(
    "change, field",
    [
        ({"path": "a/b"}, "triggers.0.config.path"),
        ({"path": ""}, "triggers.0.config.path"),
        ({"path": "x" * 129}, "triggers.0.config.path"),
        ({"secret": "short"}, "triggers.0.config.secret"),
        ({"secret": [SECRET] * 4}, "triggers.0.config.secret"),
        ({"signature": "carrier-pigeon"}, "triggers.0.config.signature"),
        ({"signature": "github", "secret": None}, "triggers.0.config.secret"),
        ({"signature": "standard-webhooks"}, "triggers.0.config.secret"),
        ({"filter": "a[?"}, "triggers.0.config.filter"),
        ({"paramMapping": {"a": "issue.title"}}, "triggers.0.paramMapping.a"),
        ({"paramMapping": {"a": "$.a["}}, "triggers.0.paramMapping.a"),
        ({"paramMapping": {"a": 1}}, "triggers.0.paramMapping.a"),
    ],
)
def test_a_hook_that_cannot_work_is_refused(stage: Stage, change: dict[str, Any], field: str):
    status, answer = stage.call("POST", "/api/tasks", blueprint(**change))
    assert status == 400, answer
    assert any(detail["field"].startswith(field) for detail in answer["details"]), answer


PUBLISHED = {
    "github": "github",
    "gitlab": "gitlab",
    "sentry": "sentry",
    "linear": "linear",
    "jira": "jira",
    "stripe": "stripe",
    "pagerduty": "pagerduty",
    "bitbucket": "bitbucket",
    "gitea": "gitea",
    "azuredevops": "azure-devops",
}


@pytest.mark.parametrize("sender", sorted(PUBLISHED))
def test_every_published_payload_becomes_the_params_of_a_task(stage: Stage, sender: str):
    preset = PUBLISHED[sender]
    made(stage, signature=preset)
    for number, file in enumerate(sorted(shared("payloads", sender).glob("*.json"))):
        body = file.read_bytes()
        stage.now += timedelta(minutes=6)
        whole = json.loads(body)
        if isinstance(whole, dict) and "webhookTimestamp" in whole:
            stage.now = stage.now.fromtimestamp(whole["webhookTimestamp"] / 1000, stage.now.tzinfo)
        status, answer = post(stage, body, signed(preset, body, now(stage), number))
        assert status == SENDERS[preset].success_status, (number, answer)
        run = stage.ok("GET", f"/api/tasks/{answer['runId']}")["task"]
        assert run["metadata"]["triggerParams"] == whole


def test_every_published_vector_of_a_signature_is_decided_as_it_says():
    from datetime import UTC, datetime

    schemes = {
        "github-x-hub-signature-256": "github",
        "standard-webhooks-v1": "standard-webhooks",
        "slack-v0": "slack",
    }
    vectors = json.loads(shared("payloads", "signatures.json").read_text())
    assert vectors
    for vector in vectors:
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        sent = headers.get("webhook-timestamp") or headers.get("x-slack-request-timestamp") or "0"
        at = datetime.fromtimestamp(int(sent), UTC)
        check, body = SENDERS[schemes[vector["scheme"]]].check, vector["body"].encode()
        assert check is not None
        delivery = InboundDelivery(headers=headers, body=body)
        assert check(delivery, vector["secret"], at) is vector["valid"], vector
        for place in range(len(body)) if vector["valid"] else ():
            flipped = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
            forged = InboundDelivery(headers=headers, body=flipped)
            assert not check(forged, vector["secret"], at)
