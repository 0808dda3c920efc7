"""Deliveries to webhook endpoints: signed, retried with backoff, and finally marked as failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import sending
from chalicelib.actions.persisting import persist
from chalicelib.domain import delivery as deliveries
from chalicelib.domain import slack
from chalicelib.domain import webhook as webhooks
from chalicelib.domain.delivery import GONE, Delivery, Standing
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.webhook import Webhook
from chalicelib.domain.webhook_signatures import standard_signature
from chalicelib.ports import World

LEASE = timedelta(seconds=90)
"""The lease of an attempt; longer than the function's timeout."""
AGENT = "Optio-Webhooks/1"


def deliver(world: World, webhook_id: str, place: str) -> None:
    """Make the next attempt of a delivery if it is due. Safe to repeat: the id stays the same.

    Deliveries arrive at least once: a process that dies before it records the response causes
    another attempt.
    """
    try:
        delivery = _leased(world, world.deliveries.get(webhook_id, place))
        if delivery is not None:
            _try(world, delivery)
    except (NotFound, Superseded):
        return  # whoever changed it also sends its message, or no message is needed


def _leased(world: World, delivery: Delivery) -> Delivery | None:
    if delivery.due_at is None or not sending.reached(world, delivery.due_at):
        return None
    held = _kept(world, deliveries.begun(delivery, world.now(), LEASE), delivery)
    return held if held.due_at else None


def _kept(world: World, new: Delivery, was: Delivery) -> Delivery:
    kept = replace(new, version=was.version + 1)
    world.deliveries.put(kept, was)
    return kept


def _try(world: World, delivery: Delivery) -> None:
    webhook = _wanted(world, delivery.webhook_id)
    if webhook is None:
        why = "the webhook was disabled or removed before this attempt"
        _kept(world, deliveries.given_up(delivery, why, world.now()), delivery)
        return
    kept = send(world, webhook, delivery)
    _count(world, webhook, kept)
    sending.send_soon(world, [kept])


def _wanted(world: World, webhook_id: str) -> Webhook | None:
    try:
        webhook = world.webhooks.get(webhook_id)
    except NotFound:
        return None
    return webhook if webhook.enabled else None


def send(world: World, webhook: Webhook, delivery: Delivery) -> Delivery:
    """Make one attempt of a leased delivery, and return the delivery as stored afterwards."""
    begun = world.now()
    url = world.seals.open(webhook.url, webhook.id)
    body, headers = _request(world, webhook, delivery)
    reply = world.posts.post(url, body, headers)
    new = deliveries.ended(delivery, reply, begun, world.now())
    return _kept(world, new, delivery)


def _request(world: World, webhook: Webhook, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
    headers = {"Content-Type": "application/json", "User-Agent": AGENT}
    if webhook.slack:
        return slack.message(delivery.body).encode(), headers
    body = delivery.body.encode()
    sent = str(int(world.now().timestamp()))
    secrets = [world.seals.open(sealed, webhook.id) for sealed in webhook.secrets]
    signed = [standard_signature(secret, delivery.id, sent, body) for secret in secrets]
    return body, headers | {
        "webhook-id": delivery.id,
        "webhook-timestamp": sent,
        "webhook-signature": " ".join(signed),
    }


def _count(world: World, webhook: Webhook, delivery: Delivery) -> None:
    """Record the final result of a delivery on its endpoint, if that changes anything."""
    last = delivery.last
    if last is None or delivery.standing is Standing.PENDING:
        return
    if delivery.standing is Standing.DELIVERED:
        if webhook.failures:
            note(world, webhook.id, webhooks.taken)
        return
    gone, why = last.code == GONE, last.why
    note(world, webhook.id, lambda now: webhooks.missed(now, why, gone=gone))


def note(world: World, webhook_id: str, change: Callable[[Webhook], Webhook]) -> Webhook:
    """Apply `change` to an endpoint and store it, retrying over concurrent edits."""

    def noted() -> Webhook:
        was = world.webhooks.get(webhook_id)
        new = replace(change(was), version=was.version + 1, updated_at=world.now())
        world.webhooks.put(new, was)
        return new

    return persist(f"webhook {webhook_id!r}", noted)
