"""Webhook endpoints: created with a secret that is shown once, changed, tested and removed."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import replace

from chalicelib.actions.idempotency import earlier_result, existing_result
from chalicelib.actions.notifications import deliver
from chalicelib.domain.errors import Conflict
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.notifications import delivery as deliveries
from chalicelib.domain.notifications import endpoint as webhooks
from chalicelib.domain.notifications import notification as notices
from chalicelib.domain.notifications.delivery import Delivery
from chalicelib.domain.notifications.endpoint import WebhookEndpoint
from chalicelib.domain.page import Cursor, Page
from chalicelib.ports import World, WriteConflict


def create_endpoint(
    world: World,
    url: str,
    *,
    events: Iterable[str] = (),
    description: str = "",
    enabled: bool = True,
    claim: IdempotencyClaim | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint; return it with its secret, which is shown this once and stored encrypted.

    With a claim, a repeated request returns the result of the first one. Raises `Conflict` if the
    stage has the maximum number of endpoints, or if the reading of notifications cannot start now.
    """
    if earlier := earlier_result(world, claim):
        return _existing_endpoint(world, earlier)
    if len(world.webhook_endpoints.list_all()) >= webhooks.MAX_ENDPOINTS_PER_STAGE:
        raise Conflict(
            f"a stage has at most {webhooks.MAX_ENDPOINTS_PER_STAGE} webhook endpoints: remove "
            f"one first"
        )
    now, webhook_id = world.now(), str(uuid.uuid4())
    secret = _new_secret()
    new = WebhookEndpoint(
        id=webhook_id,
        url=world.encryption.encrypt_secret(url, webhook_id),
        address=webhooks.visible_url(url),
        slack=webhooks.is_slack_url(url),
        secrets=(world.encryption.encrypt_secret(secret, webhook_id),),
        events=webhooks.parse_events(events),
        description=description,
        enabled=enabled,
        created_at=now,
        updated_at=now,
    )
    try:
        world.webhook_endpoints.add(new, replace(claim, result=webhook_id) if claim else None)
    except WriteConflict as taken:
        return _existing_endpoint(world, existing_result(world, claim, taken))
    # After the write: a deploy that finds no endpoint pauses the reading, then looks again.
    world.notify_reader.resume()
    return new, secret


def _existing_endpoint(world: World, webhook_id: str) -> tuple[WebhookEndpoint, str]:
    world.notify_reader.resume()
    endpoint = world.webhook_endpoints.get(webhook_id)
    return endpoint, world.encryption.decrypt_secret(endpoint.secrets[0], endpoint.id)


def change_endpoint(
    world: World,
    webhook_id: str,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change the given fields of an endpoint. Enabling a disabled one clears its failures."""

    def changed(was: WebhookEndpoint) -> WebhookEndpoint:
        new = was
        if url is not None:
            sealed, shown = world.encryption.encrypt_secret(url, was.id), webhooks.visible_url(url)
            new = replace(new, url=sealed, address=shown, slack=webhooks.is_slack_url(url))
        if events is not None:
            new = replace(new, events=webhooks.parse_events(events))
        if description is not None:
            new = replace(new, description=description)
        if enabled is not None and enabled is not was.enabled:
            new = replace(new, enabled=enabled, failures=0, disabled_reason=None)
        return new

    return deliver.update_endpoint(world, webhook_id, changed)


def rotate_secret(world: World, webhook_id: str) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret, shown only this once.

    The previous secret also signs until the next rotation. Receivers accept either signature, so
    both sides can change the secret one after the other.
    """
    secret = _new_secret()

    def rotated(was: WebhookEndpoint) -> WebhookEndpoint:
        return replace(
            was, secrets=(world.encryption.encrypt_secret(secret, was.id), was.secrets[0])
        )

    return deliver.update_endpoint(world, webhook_id, rotated), secret


def remove_endpoint(world: World, webhook_id: str) -> None:
    """Remove an endpoint; pending deliveries to it are not sent."""
    world.webhook_endpoints.remove(world.webhook_endpoints.get(webhook_id))


def send_test(world: World, webhook_id: str) -> Delivery:
    """Send a test delivery at once and without retries, even to a disabled endpoint; return it."""
    webhook = world.webhook_endpoints.get(webhook_id)
    now = world.now()
    notification = notices.ping_notification(
        str(uuid.uuid4()), now, webhook.id, world.policy.public_url
    )
    delivery = deliveries.delivery_for(webhook.id, notification, now, is_single_attempt=True)
    held = deliveries.start_attempt(delivery, now, deliver.LEASE_DURATION)
    world.deliveries.add(held)
    return deliver.send_attempt(world, webhook, held)


def list_deliveries(
    world: World, webhook_id: str, before: Cursor | None, limit: int
) -> Page[Delivery]:
    """Return a page of an endpoint's deliveries, newest first, or raise `NotFound`."""
    world.webhook_endpoints.get(webhook_id)
    return world.deliveries.list_of_endpoint(webhook_id, before, limit)


def _new_secret() -> str:
    return webhooks.format_secret(secrets.token_bytes(webhooks.SECRET_BYTES))
