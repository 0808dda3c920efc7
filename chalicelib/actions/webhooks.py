"""Webhook endpoints: created with a secret that is shown once, changed, tested and removed."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import replace

from chalicelib.actions import delivering
from chalicelib.actions.claiming import earlier_result, made_first
from chalicelib.domain import delivery as deliveries
from chalicelib.domain import notice as notices
from chalicelib.domain import webhook as webhooks
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Conflict
from chalicelib.domain.firing import Claim
from chalicelib.domain.webhook import Webhook
from chalicelib.ports import Taken, World


def create(
    world: World,
    url: str,
    *,
    events: Iterable[str] = (),
    description: str = "",
    enabled: bool = True,
    claim: Claim | None = None,
) -> tuple[Webhook, str]:
    """Create an endpoint; return it with its secret, which is shown this once and stored encrypted.

    With a claim, a repeated request returns the result of the first one. Raises `Conflict` if the
    stage has the maximum number of endpoints.
    """
    if earlier := earlier_result(world, claim):
        return _made_before(world, earlier)
    if len(world.webhooks.all()) >= webhooks.MOST:
        raise Conflict(f"a stage has at most {webhooks.MOST} webhook endpoints: remove one first")
    now, made = world.now(), str(uuid.uuid4())
    secret = _secret()
    new = Webhook(
        id=made,
        url=world.seals.seal(url, made),
        address=webhooks.address_of(url),
        slack=webhooks.is_slack(url),
        secrets=(world.seals.seal(secret, made),),
        events=webhooks.events_of(events),
        description=description,
        enabled=enabled,
        created_at=now,
        updated_at=now,
    )
    try:
        world.webhooks.add(new, replace(claim, result=made) if claim else None)
    except Taken as taken:
        return _made_before(world, made_first(world, claim, taken))
    return new, secret


def _made_before(world: World, webhook_id: str) -> tuple[Webhook, str]:
    found = world.webhooks.get(webhook_id)
    return found, world.seals.open(found.secrets[0], found.id)


def change(
    world: World,
    webhook_id: str,
    *,
    url: str | None = None,
    events: Iterable[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change the given fields of an endpoint. Enabling a disabled one clears its failures."""

    def changed(was: Webhook) -> Webhook:
        new = was
        if url is not None:
            sealed, shown = world.seals.seal(url, was.id), webhooks.address_of(url)
            new = replace(new, url=sealed, address=shown, slack=webhooks.is_slack(url))
        if events is not None:
            new = replace(new, events=webhooks.events_of(events))
        if description is not None:
            new = replace(new, description=description)
        if enabled is not None and enabled is not was.enabled:
            new = replace(new, enabled=enabled, failures=0, disabled_reason=None)
        return new

    return delivering.note(world, webhook_id, changed)


def rotate(world: World, webhook_id: str) -> tuple[Webhook, str]:
    """Give an endpoint a new secret, shown only this once.

    The previous secret also signs until the next rotation. Receivers accept either signature, so
    both sides can change the secret one after the other.
    """
    secret = _secret()

    def rotated(was: Webhook) -> Webhook:
        return replace(was, secrets=(world.seals.seal(secret, was.id), was.secrets[0]))

    return delivering.note(world, webhook_id, rotated), secret


def remove(world: World, webhook_id: str) -> None:
    """Remove an endpoint; pending deliveries to it are not sent."""
    world.webhooks.remove(world.webhooks.get(webhook_id))


def test(world: World, webhook_id: str) -> Delivery:
    """Send a test delivery at once and without retries, even to a disabled endpoint; return it."""
    webhook = world.webhooks.get(webhook_id)
    now = world.now()
    notice = notices.of_test(str(uuid.uuid4()), now, webhook.id, world.policy.public_url)
    made = deliveries.to(webhook.id, notice, now, once=True)
    held = deliveries.begun(made, now, delivering.LEASE)
    world.deliveries.add(held)
    return delivering.send(world, webhook, held)


def deliveries_of(
    world: World, webhook_id: str, before: str | None, limit: int
) -> tuple[list[Delivery], str | None]:
    """Return a page of an endpoint's deliveries, newest first, or raise `NotFound`."""
    world.webhooks.get(webhook_id)
    return world.deliveries.of_webhook(webhook_id, before, limit)


def _secret() -> str:
    return webhooks.secret_of(secrets.token_bytes(webhooks.SECRET_BYTES))
