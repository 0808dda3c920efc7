"""Retries of a delivery, its end, and the effect on its webhook endpoint."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Library

from chalicelib.domain.notifications import delivery as deliveries
from chalicelib.domain.notifications import endpoint as webhooks
from chalicelib.domain.notifications.delivery import (
    MAX_RETRY_DELAY,
    RETRY_DELAYS,
    Delivery,
    HttpResult,
    Standing,
)
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.notifications.notification import Event, Notification
from chalicelib.domain.triggers.webhook_signatures import standard_signature

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOTICE = Notification(id="n1", event=Event.FAILED, at=NOW, data={"task": {"id": "t1"}})
WEBHOOK = WebhookEndpoint(
    id="w1",
    url="sealed",
    address="https://example.com/x",
    secrets=("sealed",),
    events=(Event.FAILED,),
    created_at=NOW,
    updated_at=NOW,
)
replies = st.builds(
    HttpResult,
    code=st.none() | st.integers(100, 599),
    error=st.none() | st.just("no connection"),
    retry_after=st.sampled_from(["", "0", "7", "999999999999", "soon", "-1"])
    | st.text(max_size=40),
)


def made() -> Delivery:
    return deliveries.delivery_for("w1", NOTICE, NOW)


@given(st.lists(replies, min_size=1, max_size=20))
def test_whatever_a_receiver_answers_a_delivery_ends_after_few_tries_that_grow_apart(
    answers: list[HttpResult],
):
    one, now = made(), NOW
    for reply in answers:
        if one.due_at is None:
            break
        now = max(now, one.due_at)
        before = len(one.tries)
        one = deliveries.start_attempt(one, now, timedelta(seconds=90))
        assert one.due_at == now + timedelta(seconds=90)
        one = deliveries.finish_attempt(one, reply, now, now)
        assert len(one.tries) == before + 1
        if one.standing is Standing.PENDING:
            assert one.due_at is not None
            assert (
                RETRY_DELAYS[before]
                <= one.due_at - now
                <= max(MAX_RETRY_DELAY, RETRY_DELAYS[before])
            )
        else:
            assert one.due_at is None
    assert len(one.tries) <= len(RETRY_DELAYS) + 1
    delivered = any(one.is_accepted for one in one.tries)
    assert (one.standing is Standing.DELIVERED) == delivered
    if len(answers) > len(RETRY_DELAYS):
        assert one.standing is not Standing.PENDING


def test_a_sender_that_dies_each_time_does_not_try_for_ever():
    one, now = made(), NOW
    for number in range(len(RETRY_DELAYS) + 1):
        one = deliveries.start_attempt(one, now, timedelta(seconds=90))
        assert (len(one.tries), one.due_at) == (number, now + timedelta(seconds=90))
        now += timedelta(seconds=90)
    one = deliveries.start_attempt(one, now, timedelta(seconds=90))
    assert (one.standing, one.due_at) == (Standing.FAILED, None)
    assert [tried.error for tried in one.tries] == [deliveries.INTERRUPTED_MESSAGE] * (
        len(RETRY_DELAYS) + 1
    )


def test_the_same_notice_is_the_same_delivery_and_another_webhook_has_another():
    assert made().id == deliveries.delivery_for("w1", NOTICE, NOW + timedelta(hours=1)).id
    assert (
        made().list_position
        == deliveries.delivery_for("w1", NOTICE, NOW + timedelta(hours=1)).list_position
    )
    assert made().id != deliveries.delivery_for("w2", NOTICE, NOW).id


def test_a_webhook_is_disabled_once_and_says_why_first():
    one = WEBHOOK
    for number in range(1, webhooks.MAX_FAILURES):
        one = webhooks.mark_undelivered(one, f"it answered {500 + number}", gone=False)
        assert (one.enabled, one.disabled_reason) == (True, None)
    one = webhooks.mark_undelivered(one, "it answered 599", gone=False)
    assert not one.enabled
    assert "it answered 599" in str(one.disabled_reason)
    late = webhooks.mark_undelivered(one, "it answered 501", gone=False)
    assert late.disabled_reason == one.disabled_reason
    assert webhooks.mark_delivered(one).failures == 0


def test_only_what_is_enabled_and_asked_for_is_wanted():
    assert WEBHOOK.is_subscribed_to(Event.FAILED)
    assert not WEBHOOK.is_subscribed_to(Event.COMPLETED)
    assert not replace(WEBHOOK, enabled=False).is_subscribed_to(Event.FAILED)


@given(
    secret=st.binary(min_size=24, max_size=64),
    body=st.text(max_size=500),
    sent=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    name=st.uuids(),
)
def test_a_signature_is_that_of_the_library_of_the_standard(
    secret: bytes, body: str, sent: datetime, name: object
):
    text = webhooks.format_secret(secret)
    moment = sent.replace(tzinfo=UTC, microsecond=0)
    ours = standard_signature(text, str(name), str(int(moment.timestamp())), body.encode())
    assert ours == Library(text).sign(str(name), moment, body)


def test_a_signature_is_that_of_the_published_vector():
    # https://github.com/standard-webhooks/standard-webhooks, libraries/javascript
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    given = standard_signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert given == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_one_of_the_standard():
    secret = webhooks.format_secret(b"\x01" * webhooks.SECRET_BYTES)
    assert base64.b64decode(secret.removeprefix("whsec_"), validate=True) == b"\x01" * 24


@pytest.mark.parametrize(
    "url, shown",
    [
        ("https://example.com/a/b?token=x", "https://example.com/a/b?…"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com/services/…"),
        ("https://HOOKS.slack.com/triggers/T/B/x", "https://HOOKS.slack.com/services/…"),
        ("https://hooks.slack-gov.com/services/T", "https://hooks.slack-gov.com/services/…"),
        ("https://hooks.slack.com.evil.example/s", "https://hooks.slack.com.evil.example/s"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str):
    assert webhooks.visible_url(url) == shown
    assert webhooks.is_slack_url(url) == ("/services/…" in shown)
