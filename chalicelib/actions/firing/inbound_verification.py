"""Verification of inbound deliveries, for webhook triggers and for forge events alike."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain import body_text
from chalicelib.domain.errors import Invalid, InvalidSignature, NotJson, TooLarge
from chalicelib.domain.triggers import sns_message, webhook_events
from chalicelib.domain.triggers.webhook_body import read_payload
from chalicelib.domain.triggers.webhook_senders import SENDERS, Sender
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.ports import World


def open_delivery(
    world: World,
    name: str,
    delivery: InboundDelivery,
    secrets: Sequence[str] | None,
    topics: tuple[str, ...] = (),
) -> object:
    """Return the payload of a delivery after checking that this sender signed it recently.

    `secrets` are those that may have signed it, and None if the sender has no secret yet; Amazon
    SNS uses `topics` instead. Raises `InvalidSignature`, which is counted, and `Invalid`, `NotJson`
    or `TooLarge` for a body that cannot be read.
    """
    sender = SENDERS[name]
    if sender.check is None:
        _check_sns(world, sender, delivery, topics)
    elif secrets is not None and not any(
        sender.check(delivery, secret, world.now()) for secret in secrets
    ):
        raise record_rejection(world, "signature", _describe_mismatch(name, delivery))
    payload = read_payload(sender, delivery)
    if not webhook_events.is_within_age(sender, payload, world.now()):
        message = "this was sent too long ago, or the sender's clock is ahead"
        raise record_rejection(world, "replay", message)
    return payload


def record_rejection(world: World, kind: str, message: str) -> InvalidSignature:
    """Count a rejected delivery, and return the error to raise."""
    world.metrics.count_rejection(kind)
    return InvalidSignature(message)


def _describe_mismatch(name: str, delivery: InboundDelivery) -> str:
    message = f"the signature is missing or wrong (this webhook expects {name})"
    if body_text.is_decompressed(delivery.body, delivery.first_header("content-encoding")):
        return f"{message}; the gateway decompressed the body: sign it before its compression"
    return message


def _check_sns(
    world: World, sender: Sender, delivery: InboundDelivery, topics: tuple[str, ...]
) -> None:
    try:
        payload = read_payload(sender, delivery)
    except (Invalid, NotJson, TooLarge):
        raise record_rejection(world, "signature", "this is not a message of Amazon SNS") from None
    if not world.sns.is_authentic(sns_message.read_signed_message(payload, topics)):
        message = "the signature of this message is not that of Amazon SNS"
        raise record_rejection(world, "signature", message)
