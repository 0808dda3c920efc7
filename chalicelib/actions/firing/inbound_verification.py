"""Verification of inbound webhooks, for triggers and for the events of forges and trackers."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.domain.errors import Invalid, InvalidSignature, NotJson, TooLarge
from chalicelib.domain.triggers import sns_message, webhook_events
from chalicelib.domain.triggers.webhook_body import is_damaged, read_payload
from chalicelib.domain.triggers.webhook_senders import SENDERS, Sender
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.ports import World


def check_signature(
    world: World,
    name: str,
    delivery: InboundDelivery,
    secrets: Sequence[str],
    topics: tuple[str, ...] = (),
) -> None:
    """Raise `InvalidSignature`, and count it, unless this sender signed the delivery.

    `secrets` are those that may have signed it; Amazon SNS uses `topics` instead.
    """
    sender, now = SENDERS[name], world.now()
    try:
        if sender.check is None:
            _check_sns(world, sender, delivery, topics)
        elif not any(sender.check(delivery, secret, now) for secret in secrets):
            raise InvalidSignature(_describe_mismatch(name, delivery))
    except InvalidSignature:
        world.metrics.count_rejection("signature")
        raise


def _describe_mismatch(name: str, delivery: InboundDelivery) -> str:
    message = f"the signature is missing or wrong (this webhook expects {name})"
    if is_damaged(delivery):
        return f"{message}; the gateway of this stage damaged the body: send plain UTF-8"
    return message


def _check_sns(
    world: World, sender: Sender, delivery: InboundDelivery, topics: tuple[str, ...]
) -> None:
    try:
        payload = read_payload(sender, delivery)
    except (Invalid, NotJson, TooLarge):
        raise InvalidSignature("this is not a message of Amazon SNS") from None
    if not world.sns.is_authentic(sns_message.read_signed_message(payload, topics)):
        raise InvalidSignature("the signature of this message is not that of Amazon SNS")


def check_age(world: World, sender: Sender, payload: object) -> None:
    """Raise `InvalidSignature`, and count it, if a delivery states that it was
    sent too long ago.
    """
    if not webhook_events.is_within_age(sender, payload, world.now()):
        world.metrics.count_rejection("replay")
        raise InvalidSignature("this was sent too long ago, or the sender's clock is ahead")
