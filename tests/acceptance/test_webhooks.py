"""Notifications: signed, at least once under one id, and retried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from standardwebhooks import Webhook as Library

from chalicelib import wiring
from chalicelib.actions.notifications import announce, deliver
from chalicelib.actions.runs import transitions
from chalicelib.domain.notifications.delivery import RETRY_DELAYS, HttpResult
from chalicelib.domain.runs.state import State
from chalicelib.settings import settings
from chalicelib.storage.records import DeliveryRecord, WebhookEndpointRecord
from tests.conftest import Stage
from tests.fakes.receiver import Receiver, receiving
from tests.support.build_account import Account, ends, started
from tests.support.call_counts import counted, requests
from tests.support.failing_blueprint import BODY, begun, ended, ran, shown

pytestmark = pytest.mark.usefixtures("punctual")
ALL = [
    "task.completed",
    "task.failed",
    "task.needs_attention",
    "task.pr_opened",
    "trigger.skipped",
    "trigger.missed",
    "trigger.failed",
    "definition.paused",
]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setitem(settings.__dict__, "allowed_private", ("127.0.0.1",))
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def task(stage: Stage) -> str:
    made: str = stage.ok("POST", "/api/tasks", BODY)["task"]["id"]
    return made


def hooked(stage: Stage, receiver: Receiver, **more: Any) -> tuple[str, str]:
    answer = stage.ok("POST", "/api/webhooks", {"url": receiver.url, "events": ALL, **more})
    return answer["webhook"]["id"], answer["secret"]


def told(receiver: Receiver) -> list[str]:
    return [sent.json["type"] for sent in receiver.sent]


def later(stage: Stage, seconds: float = 0) -> None:
    """Let the clock run and deliver what is due by then."""
    stage.now += timedelta(seconds=seconds)
    stage.settle()


def logged(stage: Stage, webhook: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.ok("GET", f"/api/webhooks/{webhook}/deliveries")[
        "deliveries"
    ]
    return found


def test_a_webhook_is_made_shown_changed_and_removed_and_its_secret_is_told_once(
    stage: Stage, receiver: Receiver
):
    url = f"{receiver.url}?token=hush"
    answer = stage.ok("POST", "/api/webhooks", {"url": url, "description": "the office"})
    made, secret = answer["webhook"], answer["secret"]
    assert secret.startswith("whsec_")
    assert made["url"] == f"{receiver.url}?…"
    assert made["kind"] == "standard"
    assert set(made["events"]) == set(ALL) - {"trigger.skipped"}

    where = f"/api/webhooks/{made['id']}"
    edited = stage.ok("PATCH", where, {"events": ["task.failed"], "enabled": False})["webhook"]
    assert (edited["events"], edited["enabled"]) == (["task.failed"], False)
    assert edited["description"] == "the office"

    listed = stage.ok("GET", "/api/webhooks")["webhooks"]
    assert listed == [edited] == [stage.ok("GET", where)["webhook"]]
    stored = str([row.attribute_values for row in WebhookEndpointRecord.scan()])
    for hidden in (secret, secret.removeprefix("whsec_"), "hush"):
        assert hidden not in str(listed)
        assert hidden not in stored

    assert stage.call("DELETE", where)[0] == 204
    assert stage.call("GET", where)[0] == 404
    assert stage.call("GET", f"{where}/deliveries")[0] == 404
    assert stage.call("POST", f"{where}/test")[0] == 404


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"url": "https://169.254.169.254/latest"}, "url"),
        ({"url": "http://example.com/x"}, "url"),
        ({"url": "https://user:pass@example.com/x"}, "url"),
        ({"url": "https://hooks.slack.com/services/…"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({}, "url"),
        ({"url": "https://example.com/x", "events": ["task.exploded"]}, "events.0"),
        ({"url": "https://example.com/x", "events": ["webhook.test"]}, "events.0"),
        ({"url": "https://example.com/x", "secret": "mine"}, "secret"),
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(stage: Stage, wrong: Any, field: str):
    status, answer = stage.call("POST", "/api/webhooks", wrong)
    assert (status, answer["details"][0]["field"]) == (400, field)


def test_a_stage_has_twenty_webhooks_at_most(stage: Stage):
    for number in range(20):
        stage.ok("POST", "/api/webhooks", {"url": f"https://example.com/{number}"})
    assert stage.call("POST", "/api/webhooks", {"url": "https://example.com/x"})[0] == 409


def test_what_is_told_is_signed_as_the_library_of_the_standard_verifies_it(
    stage: Stage, receiver: Receiver, task: str
):
    stage.now = datetime.now(UTC)
    webhook, secret = hooked(stage, receiver)
    ran(stage, task, "agent")
    later(stage, 3)

    (sent,) = receiver.sent
    Library(secret).verify(sent.body, sent.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Library(secret).verify(sent.body + b" ", sent.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Library("whsec_" + "A" * 32).verify(sent.body, sent.headers)

    (delivery,) = logged(stage, webhook)
    assert delivery["id"] == sent.headers["webhook-id"]
    assert (delivery["status"], delivery["responseCode"], delivery["attempt"]) == (
        "delivered",
        200,
        1,
    )
    assert sent.headers["content-type"] == "application/json"


def test_after_a_rotation_both_secrets_verify_until_the_next_one(
    stage: Stage, receiver: Receiver, task: str
):
    stage.now = datetime.now(UTC)
    webhook, first = hooked(stage, receiver)
    second = stage.ok("POST", f"/api/webhooks/{webhook}/rotate-secret")["secret"]
    third = stage.ok("POST", f"/api/webhooks/{webhook}/rotate-secret")["secret"]
    stage.ok("POST", f"/api/webhooks/{webhook}/test")
    (sent,) = receiver.sent
    for secret in (second, third):
        Library(secret).verify(sent.body, sent.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Library(first).verify(sent.body, sent.headers)


def test_a_notice_carries_names_and_links_and_nothing_that_was_written_for_the_agent(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(settings.environment, "OPTIO_PUBLIC_URL", "https://optio.example.com")  # type: ignore[arg-type]
    hooked(stage, receiver)
    made = stage.ok("POST", "/api/tasks", {**BODY, "prompt": "the secret plan {{x}}"})["task"]
    stage.ok("POST", f"/api/tasks/{made['id']}/runs", {"params": {"x": "of params"}})
    later(stage)
    from tests.support.runner_calls import claimed

    job = claimed(stage)
    ended(stage, job, "setup")
    later(stage, 3)

    (sent,) = receiver.sent
    body = sent.json
    assert set(body) == {"type", "timestamp", "data"}
    assert body["data"] == {
        "task": {
            "id": job["runId"],
            "type": "workflow-run",
            "title": "Nightly",
            "state": "failed",
            "attempt": 1,
            "errorClass": "setup",
            "prUrl": None,
            "url": f"https://optio.example.com/tasks/{job['runId']}",
        },
        "definition": {
            "id": made["id"],
            "name": "Nightly",
            "url": f"https://optio.example.com/tasks/scheduled/{made['id']}",
        },
        "triggerId": None,
    }
    for hidden in ("secret plan", "of params", "it was setup"):
        assert hidden.encode() not in sent.body


def test_only_what_a_webhook_names_is_told_and_nothing_is_queued_else(
    stage: Stage, receiver: Receiver, task: str
):
    hooked(stage, receiver, events=["task.completed"])
    hooked(stage, receiver, enabled=False)
    ran(stage, task, "agent", None)
    later(stage, 3)
    assert told(receiver) == ["task.completed"]


@pytest.mark.warm
def test_where_nobody_listens_telling_costs_one_read_in_a_while_and_no_message(
    stage: Stage, task: str, monkeypatch: pytest.MonkeyPatch
):
    def calls_of_a_failure() -> Counter[str]:
        job = begun(stage, task)
        with counted(monkeypatch) as calls:
            ended(stage, job, "agent")
        return Counter(requests(calls))

    world = wiring.get_world()
    quiet = calls_of_a_failure()
    again = calls_of_a_failure()
    assert quiet - again == {"Query": 1}
    world.webhook_endpoints._known = None  # type: ignore[attr-defined]
    assert calls_of_a_failure() - again == {"Query": 1}
    monkeypatch.setattr(world.webhook_endpoints, "list_cached", list)
    assert calls_of_a_failure() == again
    assert world.notify_queue.__dict__.get("_url") is None  # nothing was ever sent to it


def test_a_runner_that_fell_silent_is_told_like_any_other_failure(
    stage: Stage, receiver: Receiver, task: str
):
    stage.ok("PATCH", f"/api/tasks/{task}", {"maxRetries": 0})
    hooked(stage, receiver)
    begun(stage, task)
    stage.pass_time(timedelta(minutes=3))
    assert told(receiver) == ["task.failed"]


def test_a_build_that_came_to_nothing_is_told_like_any_other_failure(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    account = Account()
    monkeypatch.setitem(settings.__dict__, "runner", "codebuild")
    account.plug_in()
    hooked(stage, receiver)
    started(stage, maxRetries=0)
    ends(stage, account.asked[-1])
    stage.pass_time(timedelta(minutes=1))
    assert told(receiver) == ["task.failed"]


def test_what_cannot_be_promised_is_not_done(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    hooked(stage, receiver)
    job = begun(stage, task)
    world = wiring.get_world()

    def refuse(messages: Any) -> None:
        raise RuntimeError("the queue is away")

    run = world.runs.get(job["runId"])
    with monkeypatch.context() as patch:
        patch.setattr(world.notify_queue, "send_messages", refuse)
        with pytest.raises(RuntimeError, match="away"):
            transitions.transition_run(world, run, State.FAILED, by="test", message="m")
    assert world.runs.get(job["runId"]) == run
    ended(stage, job, "agent")
    later(stage, 3)
    assert told(receiver) == ["task.failed"]


def test_the_breaker_tells_once_and_one_click_resumes(stage: Stage, receiver: Receiver, task: str):
    hooked(stage, receiver, events=["definition.paused"])
    ran(stage, task, *["agent"] * 5)
    for _ in range(3):
        later(stage, 60)

    assert told(receiver) == ["definition.paused"]
    data = receiver.sent[0].json["data"]
    assert (data["definition"]["id"], data["errorClass"]) == (task, "agent")
    assert "5 failures in a row" in shown(stage, task)["pausedReason"]
    assert b"it was agent" not in receiver.sent[0].body

    assert stage.ok("PATCH", f"/api/tasks/{task}", {"enabled": True})["task"]["enabled"]
    ran(stage, task, *["agent"] * 5)
    later(stage, 3)
    assert told(receiver) == ["definition.paused"] * 2


def test_a_pause_that_is_promised_again_is_told_once(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    hooked(stage, receiver, events=["definition.paused"])
    real, edits = wiring.get_world().blueprints.put, []

    def put(*given: Any) -> None:
        if not edits and not given[0].enabled:
            edits.append(stage.ok("PATCH", f"/api/tasks/{task}", {"name": "Edited meanwhile"}))
        real(*given)

    monkeypatch.setattr(wiring.get_world().blueprints, "put", put)
    ran(stage, task, *["agent"] * 5)
    assert edits
    assert not shown(stage, task)["enabled"]
    later(stage, 3)
    later(stage, 3)
    assert told(receiver) == ["definition.paused"]


def test_what_a_trigger_skips_misses_or_cannot_fire_is_told(stage: Stage, receiver: Receiver):
    hooked(stage, receiver, events=["trigger.skipped", "trigger.missed", "trigger.failed"])
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    body = {
        **BODY,
        "paramsSchema": schema,
        "triggers": [
            {"type": "schedule", "config": {"cronExpression": "0 */2 * * *"}},
            {
                "type": "webhook",
                "config": {"path": "p", "filter": "wanted"},
                "paramMapping": {"n": "$.n"},
            },
        ],
    }
    made = stage.ok("POST", "/api/tasks", body)
    assert stage.call("POST", "/api/hooks/p", {"wanted": False}, token="")[0] == 200
    assert stage.call("POST", "/api/hooks/p", {"wanted": True, "n": "hushed"}, token="")[0] == 200
    later(stage, 3)
    assert sorted(told(receiver)) == ["trigger.failed", "trigger.skipped"]
    failed = next(s.json["data"] for s in receiver.sent if s.json["type"] == "trigger.failed")
    assert failed["firing"]["reason"] == "bad params"
    assert "hushed" not in str(failed)

    receiver.sent.clear()
    stage.now += timedelta(hours=5)
    stage.pass_time(timedelta(minutes=1))
    later(stage, 3)
    (missed,) = [sent.json for sent in receiver.sent]
    assert missed["type"] == "trigger.missed"
    assert missed["data"]["trigger"] == {"id": made["triggers"][0]["id"], "type": "schedule"}
    assert missed["data"]["firing"]["count"] >= 1
    assert missed["data"]["definition"]["name"] == "Nightly"


def test_what_happened_is_told_though_its_lambda_died_between_the_write_and_the_send(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    hooked(stage, receiver)
    job = begun(stage, task)
    world, put = wiring.get_world(), wiring.get_world().run_sets.move_run

    def die(*given: Any, **named: Any) -> None:
        put(*given, **named)
        raise RuntimeError("the function was killed")

    run = world.runs.get(job["runId"])
    with monkeypatch.context() as patch:
        patch.setattr(world.run_sets, "move_run", die)
        with pytest.raises(RuntimeError, match="killed"):
            transitions.transition_run(world, run, State.FAILED, by="test", message="m")
    later(stage, 3)
    assert told(receiver) == ["task.failed"]


def test_what_was_promised_and_never_happened_is_not_told(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    hooked(stage, receiver)
    job = begun(stage, task)
    world = wiring.get_world()

    def die(*given: Any, **named: Any) -> None:
        raise RuntimeError("the function was killed")

    run = world.runs.get(job["runId"])
    with monkeypatch.context() as patch:
        patch.setattr(world.run_sets, "move_run", die)
        with pytest.raises(RuntimeError, match="killed"):
            transitions.transition_run(world, run, State.FAILED, by="test", message="m")
    for _ in range(30):
        later(stage, 30)
    assert told(receiver) == []
    ended(stage, job, "agent")
    later(stage, 3)
    assert told(receiver) == ["task.failed"]


def test_a_repeated_promise_makes_no_second_delivery(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    webhook, _ = hooked(stage, receiver)
    messages: list[Any] = []
    real = announce.resolve_intent
    monkeypatch.setattr(
        announce,
        "resolve_intent",
        lambda world, message: (messages.append(message), real(world, message)),
    )
    ran(stage, task, "agent")
    later(stage, 3)
    assert messages
    for _ in range(3):
        stage.now += timedelta(seconds=30)
        real(wiring.get_world(), messages[0])
    later(stage)
    assert told(receiver) == ["task.failed"]
    assert len(logged(stage, webhook)) == 1


def test_a_try_whose_sender_died_is_made_again_under_the_same_id(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    webhook, _ = hooked(stage, receiver)
    real = wiring.get_world().deliveries.put
    died: list[bool] = []

    def put(new: Any, was: Any) -> None:
        if new.tries and not died:
            died.append(True)
            raise SystemExit
        real(new, was)

    with monkeypatch.context() as patch:
        patch.setattr(wiring.get_world().deliveries, "put", put)
        ran(stage, task, "agent")
        with pytest.raises(SystemExit):
            later(stage, 3)
    stage.pass_time(timedelta(minutes=3))
    assert told(receiver) == ["task.failed"] * 2
    assert len({sent.headers["webhook-id"] for sent in receiver.sent}) == 1
    (delivery,) = logged(stage, webhook)
    assert delivery["status"] == "delivered"
    assert "interrupted" in delivery["attempts"][0]["error"]


def test_a_delivery_that_cannot_even_be_sent_is_given_up_and_keeps_nobody_busy_for_ever(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    webhook, _ = hooked(stage, receiver)
    ran(stage, task, "agent")

    def refuse(sealed: str, about: str) -> str:
        raise ValueError("sealed with another key")

    monkeypatch.setattr(wiring.get_world().encryption, "decrypt_secret", refuse)
    stage.now += timedelta(seconds=3)
    world = wiring.get_world()
    for _ in range(2 * len(RETRY_DELAYS)):
        for due in list(world.deliveries.iter_due(stage.now + timedelta(minutes=2))):
            stage.now = max(stage.now, due.at)
            with suppress(ValueError):
                deliver.deliver_next(world, due.webhook_id or "", due.id)
        stage.now += timedelta(minutes=2)
        if not logged(stage, webhook):
            notify_once(stage)
    (delivery,) = logged(stage, webhook)
    assert (delivery["status"], delivery["attempt"]) == ("failed", len(RETRY_DELAYS) + 1)


def notify_once(stage: Stage) -> None:
    """Let what was promised become deliveries, and try none."""
    stage._deliver("notify", "notify")


def test_a_delivery_is_tried_again_with_growing_patience_then_given_up(
    stage: Stage, receiver: Receiver, task: str
):
    receiver.always = (500, {})
    webhook, _ = hooked(stage, receiver)
    ran(stage, task, "agent")
    later(stage, 3)
    assert len(receiver.sent) == 1
    for number, wait in enumerate(RETRY_DELAYS, start=1):
        (delivery,) = logged(stage, webhook)
        assert (delivery["status"], delivery["attempt"]) == ("pending", number)
        assert delivery["nextAttemptAt"]
        later(stage, wait.total_seconds() - 2)
        assert len(receiver.sent) == number
        stage.pass_time(timedelta(minutes=1))
        assert len(receiver.sent) == number + 1
    (delivery,) = logged(stage, webhook)
    assert (delivery["status"], delivery["responseCode"], delivery["nextAttemptAt"]) == (
        "failed",
        500,
        None,
    )
    stage.pass_time(timedelta(minutes=5))
    assert len(receiver.sent) == len(RETRY_DELAYS) + 1
    assert len({sent.headers["webhook-id"] for sent in receiver.sent}) == 1
    assert stage.ok("GET", f"/api/webhooks/{webhook}")["webhook"]["failures"] == 1


@pytest.mark.parametrize("told_so", ["600", "Mon, 04 May 2026 12:11:03 GMT"])
def test_who_asks_for_patience_gets_it(stage: Stage, receiver: Receiver, task: str, told_so: str):
    receiver.answers = [(429, {"Retry-After": told_so})]
    hooked(stage, receiver)
    ran(stage, task, "agent")
    later(stage, 3)
    stage.pass_time(timedelta(minutes=9))
    assert len(receiver.sent) == 1
    stage.pass_time(timedelta(minutes=2))
    assert len(receiver.sent) == 2


def test_who_is_gone_is_disabled_at_once_with_the_reason_and_can_be_enabled_again(
    stage: Stage, receiver: Receiver, task: str
):
    receiver.answers = [(410, {})]
    webhook, _ = hooked(stage, receiver)
    ran(stage, task, "agent")
    later(stage, 3)
    found = stage.ok("GET", f"/api/webhooks/{webhook}")["webhook"]
    assert (found["enabled"], "410" in found["disabledReason"]) == (False, True)
    ran(stage, task, "agent")
    later(stage, 3)
    assert len(receiver.sent) == 1

    again = stage.ok("PATCH", f"/api/webhooks/{webhook}", {"enabled": True})["webhook"]
    assert (again["enabled"], again["disabledReason"], again["failures"]) == (True, None, 0)
    ran(stage, task, "agent")
    later(stage, 3)
    assert len(receiver.sent) == 2


def test_after_five_deliveries_in_a_row_that_nobody_took_a_webhook_is_disabled(
    stage: Stage, receiver: Receiver, task: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chalicelib.domain.notifications.delivery.RETRY_DELAYS", ())
    receiver.answers = [(500, {})] * 4 + [(200, {})] + [(500, {})] * 9
    webhook, _ = hooked(stage, receiver, events=["task.failed"])
    for expected in (1, 2, 3, 4, 0, 1, 2, 3, 4):
        ran(stage, task, "agent")
        stage.call("PATCH", f"/api/tasks/{task}", {"enabled": True})
        later(stage, 3)
        found = stage.ok("GET", f"/api/webhooks/{webhook}")["webhook"]
        assert (found["failures"], found["enabled"]) == (expected, True)
    ran(stage, task, "agent")
    later(stage, 3)
    found = stage.ok("GET", f"/api/webhooks/{webhook}")["webhook"]
    assert not found["enabled"]
    assert found["disabledReason"] == (
        "5 deliveries in a row failed; the last one: it answered 500"
    )


def test_a_redirect_is_not_followed(stage: Stage, receiver: Receiver):
    receiver.answers = [(302, {"Location": receiver.url + "/elsewhere"})]
    webhook, _ = hooked(stage, receiver)
    delivery = stage.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]
    assert (delivery["status"], delivery["responseCode"]) == ("failed", 302)
    assert [sent.path for sent in receiver.sent] == ["/told"]


def test_a_test_is_answered_with_what_became_of_it_even_while_disabled(
    stage: Stage, receiver: Receiver
):
    webhook, _ = hooked(stage, receiver, enabled=False)
    delivery = stage.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]
    assert (delivery["event"], delivery["status"]) == ("webhook.test", "delivered")
    assert receiver.sent[0].headers["webhook-id"] == delivery["id"]
    assert logged(stage, webhook) == [delivery]
    stage.pass_time(timedelta(minutes=3))
    assert len(receiver.sent) == 1

    receiver.always = (500, {})
    failed = stage.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]
    assert (failed["status"], failed["responseCode"]) == ("failed", 500)
    stage.pass_time(timedelta(minutes=3))
    assert len(receiver.sent) == 2
    assert stage.ok("GET", f"/api/webhooks/{webhook}")["webhook"]["failures"] == 0


def test_no_request_goes_where_none_may_go_though_its_name_was_fine_when_it_was_saved(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    webhook, _ = hooked(stage, receiver)
    monkeypatch.setitem(settings.__dict__, "allowed_private", ())
    delivery = stage.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]
    assert delivery["status"] == "failed"
    assert "not a public address" in delivery["error"]
    assert receiver.sent == []


def test_what_kept_a_request_from_its_answer_is_said_without_the_url(
    stage: Stage, receiver: Receiver
):
    webhook, _ = hooked(stage, receiver, url=receiver.url + "/hush")
    receiver.close()
    delivery = stage.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]
    assert delivery["error"] == "no connection, or it was cut"
    assert "hush" not in str(logged(stage, webhook))


def test_the_log_of_deliveries_is_paged_newest_first(stage: Stage, receiver: Receiver):
    webhook, _ = hooked(stage, receiver)
    sent = []
    for _ in range(5):
        stage.now += timedelta(seconds=1)
        sent.append(stage.ok("POST", f"/api/webhooks/{webhook}/test")["delivery"]["id"])
    found, cursor = [], ""
    for _ in range(3):
        page = stage.ok("GET", f"/api/webhooks/{webhook}/deliveries?limit=2&cursor={quote(cursor)}")
        found += [one["id"] for one in page["deliveries"]]
        cursor = page["nextCursor"]
    assert found == sent[::-1]
    assert cursor is None
    assert stage.call("GET", f"/api/webhooks/{webhook}/deliveries?limit=0")[0] == 400


def test_slack_gets_a_message_that_slack_shows(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    posted: list[tuple[str, Any, Any]] = []

    class Slack:
        def send_request(self, url: str, body: bytes, headers: Any) -> HttpResult:
            import json

            posted.append((url, json.loads(body), headers))
            return HttpResult(code=200)

    monkeypatch.setitem(wiring.get_world().__dict__, "webhook_sender", Slack())
    url = "https://hooks.slack.com/services/T0000/B0000/hushhush"
    answer = stage.ok("POST", "/api/webhooks", {"url": url, "events": ["task.failed"]})
    assert answer["webhook"]["kind"] == "slack"
    assert answer["webhook"]["url"] == "https://hooks.slack.com/services/…"
    rows = str([row.attribute_values for row in WebhookEndpointRecord.scan()])
    assert "hushhush" not in rows
    name = "Deps <!channel> & <https://evil.example|click>"
    task = stage.ok("POST", "/api/tasks", {**BODY, "name": name})["task"]["id"]
    ran(stage, task, "agent")
    later(stage, 3)

    ((target, body, headers),) = posted
    assert target == url
    assert "webhook-signature" not in headers
    assert "Deps &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in body["text"]
    assert body["blocks"][0] == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": body["text"]},
    }
    assert "class: agent" in body["blocks"][1]["elements"][0]["text"]


def test_a_delivery_is_no_longer_kept_than_the_ledger(stage: Stage, receiver: Receiver):
    webhook, _ = hooked(stage, receiver)
    stage.ok("POST", f"/api/webhooks/{webhook}/test")
    (row,) = DeliveryRecord.scan()
    assert row.expires_at == int((stage.now + settings.retention).timestamp())


def test_a_removed_webhook_is_told_nothing_more(stage: Stage, receiver: Receiver, task: str):
    receiver.always = (500, {})
    webhook, _ = hooked(stage, receiver)
    ran(stage, task, "agent")
    later(stage, 3)
    stage.ok("DELETE", f"/api/webhooks/{webhook}")
    stage.pass_time(timedelta(minutes=10))
    assert len(receiver.sent) == 1
