"""Deliveries to webhook endpoints: signed, retried with backoff, and finally marked as failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import due_messages
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.notifications import delivery as deliveries
from chalicelib.domain.notifications import endpoint as webhooks
from chalicelib.domain.notifications.delivery import STATUS_GONE, Delivery, Standing
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.texts import slack
from chalicelib.domain.triggers.webhook_signatures import standard_signature
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World

LEASE_DURATION = timedelta(seconds=90)
"""The lease of an attempt; longer than the function's timeout."""
USER_AGENT = "Optio-Webhooks/1"


def deliver_next(world: World, webhook_id: str, position: str) -> None:
    """Make the next attempt of a delivery if it is due. Safe to repeat: the id stays the same.

    Deliveries arrive at least once: a process that dies before it records the response causes
    another attempt.
    """
    try:
        delivery = _lease_delivery(world, world.deliveries.get(webhook_id, position))
        if delivery is not None:
            _make_attempt(world, delivery)
    except (NotFound, Superseded):
        return  # whoever changed it also sends its message, or no message is needed


def _lease_delivery(world: World, delivery: Delivery) -> Delivery | None:
    if delivery.due_at is None or not due_messages.wait_until_due(world, delivery.due_at):
        return None
    held = _store_delivery(
        world, deliveries.start_attempt(delivery, world.now(), LEASE_DURATION), delivery
    )
    return held if held.due_at else None


def _store_delivery(world: World, new: Delivery, was: Delivery) -> Delivery:
    stored = as_next_version(new, was)
    world.deliveries.put(stored, was)
    return stored


def _make_attempt(world: World, delivery: Delivery) -> None:
    webhook = _find_endpoint(world, delivery.webhook_id)
    if webhook is None:
        why = "the webhook was disabled or removed before this attempt"
        _store_delivery(world, deliveries.abandon_delivery(delivery, why, world.now()), delivery)
        return
    sent = send_attempt(world, webhook, delivery)
    _count_result(world, webhook, sent)
    due_messages.enqueue_if_due_soon(world, [sent])


def _find_endpoint(world: World, webhook_id: str) -> WebhookEndpoint | None:
    try:
        webhook = world.webhook_endpoints.get(webhook_id)
    except NotFound:
        return None
    return webhook if webhook.enabled else None


def send_attempt(world: World, webhook: WebhookEndpoint, delivery: Delivery) -> Delivery:
    """Make one attempt of a leased delivery, and return the delivery as stored afterwards."""
    begun = world.now()
    url = world.encryption.decrypt_secret(webhook.url, webhook.id)
    body, headers = _build_request(world, webhook, delivery)
    reply = world.webhook_sender.send_request(url, body, headers)
    new = deliveries.finish_attempt(delivery, reply, begun, world.now())
    return _store_delivery(world, new, delivery)


def _build_request(
    world: World, webhook: WebhookEndpoint, delivery: Delivery
) -> tuple[bytes, dict[str, str]]:
    headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
    if webhook.slack:
        return slack.slack_message(delivery.body).encode(), headers
    body = delivery.body.encode()
    sent = str(int(world.now().timestamp()))
    secrets = [world.encryption.decrypt_secret(sealed, webhook.id) for sealed in webhook.secrets]
    signed = [standard_signature(secret, delivery.id, sent, body) for secret in secrets]
    return body, headers | {
        "webhook-id": delivery.id,
        "webhook-timestamp": sent,
        "webhook-signature": " ".join(signed),
    }


def _count_result(world: World, webhook: WebhookEndpoint, delivery: Delivery) -> None:
    """Record the final result of a delivery on its endpoint, if that changes anything."""
    last = delivery.last_attempt
    if last is None or delivery.standing is Standing.PENDING:
        return
    if delivery.standing is Standing.DELIVERED:
        if webhook.failures:
            update_endpoint(world, webhook.id, webhooks.mark_delivered)
        return
    gone, why = last.code == STATUS_GONE, last.failure_reason
    update_endpoint(world, webhook.id, lambda now: webhooks.mark_undelivered(now, why, gone=gone))


def update_endpoint(
    world: World, webhook_id: str, change: Callable[[WebhookEndpoint], WebhookEndpoint]
) -> WebhookEndpoint:
    """Apply `change` to an endpoint and store it, retrying over concurrent edits."""

    def noted() -> WebhookEndpoint:
        was = world.webhook_endpoints.get(webhook_id)
        new = replace(as_next_version(change(was), was), updated_at=world.now())
        world.webhook_endpoints.put(new, was)
        return new

    return retry_on_conflict(f"webhook {webhook_id!r}", noted)
