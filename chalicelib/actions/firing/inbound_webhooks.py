"""Inbound webhooks: verifies deliveries, fires each one once, and returns the result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.actions import due_messages
from chalicelib.actions.firing import inbound_verification, policies
from chalicelib.actions.firing.fire import (
    AlreadyFired,
    Fired,
    Gone,
    Patience,
    Stale,
    fire_occurrence,
)
from chalicelib.actions.firing.firing import Occurrence, decide_firing
from chalicelib.actions.firing.payload_params import read_payload_params
from chalicelib.domain import ids
from chalicelib.domain.errors import (
    Busy,
    Conflict,
    DomainError,
    Invalid,
    InvalidSignature,
    MethodNotAllowed,
    NotFound,
    NotJson,
    TooLarge,
)
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import Firing, IdempotencyClaim, Outcome, Skip
from chalicelib.domain.ids import FiringId
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers import sns_message, webhook_body, webhook_events
from chalicelib.domain.triggers.trigger import OnWebhook, Trigger
from chalicelib.domain.triggers.webhook_senders import SENDERS, Sender
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World


@dataclass(frozen=True, kw_only=True)
class ReceivedDelivery:
    """The result of a delivery: a firing, the first one's firing for a duplicate, or a handshake.

    `success_status` is the HTTP status that its sender accepts as success.
    """

    firing: Firing | None = None
    duplicate: bool = False
    handshake: Mapping[str, str] | None = None
    blueprint_kind: str = ""
    success_status: int = 202


def receive_delivery(world: World, path: str, delivery: InboundDelivery) -> ReceivedDelivery:
    """Fire the trigger of `path`, once for each delivery. Unsigned deliveries leave no record.

    Raises `NotFound` if no enabled trigger has this path, and otherwise `InvalidSignature`,
    `NotJson`, `TooLarge`, `RateLimited`, `Invalid`, `Conflict` or `Busy`. A signed delivery that
    cannot be read leaves a failed firing with the reason.
    """
    basis, trigger = _read_webhook(world, path)
    webhook = trigger.webhook
    sender = SENDERS[webhook.preset]
    secrets = [world.encryption.decrypt_secret(sealed, trigger.id) for sealed in webhook.sealed]
    signed = bool(secrets) or sender.check is None
    try:
        payload = inbound_verification.open_delivery(
            world, webhook.preset, delivery, secrets or None, webhook.topics
        )
    except InvalidSignature:
        answer = _answer_stranger(sender, delivery)
        if answer is None:
            raise
        return ReceivedDelivery(handshake=answer)
    except (Invalid, NotJson, TooLarge) as error:
        if signed:
            _record_refusal(world, basis, trigger, delivery, error)
        raise
    if sender.offers_token and not secrets:
        return _keep_offered_token(world, trigger, payload)
    answer = webhook_events.answer_challenge(sender, payload, signed=signed)
    if sender.check is None:
        answer = _confirm_subscription(world, payload)
        payload = webhook_body.unpack_message(payload)
    if answer is not None:
        return ReceivedDelivery(handshake=answer)

    def make_occurrence(context: FiringContext, trigger: OnWebhook) -> Occurrence:
        return _make_occurrence(world, context, trigger, delivery, payload)

    received = _fire_delivery(world, basis, make_occurrence)
    return replace(received, success_status=sender.success_status)


def allow_origin(world: World, path: str) -> None:
    """Allow a sender to deliver to `path`, as CloudEvents requests before the first delivery.

    Raises `NotFound` if no trigger has this path, and `MethodNotAllowed` if its sender does not use
    it.
    """
    _, trigger = _read_webhook(world, path)
    if not SENDERS[trigger.webhook.preset].answers_options:
        raise MethodNotAllowed("this webhook accepts POST only")


def _read_webhook(world: World, path: str) -> tuple[FiringContext, OnWebhook]:
    """Return the enabled trigger that listens at a path, with its context.

    Raises `NotFound` if there is none.
    """
    listener = world.triggers.find_listener(path)
    pairs = [(listener.trigger_id, listener.blueprint_id)] if listener else []
    contexts = world.triggers.read_contexts(pairs, listener.template_id) if listener else {}
    for basis in contexts.values():
        if isinstance(basis.trigger, OnWebhook) and basis.trigger.enabled:
            return basis, basis.trigger
    raise NotFound("webhook", path)


def _answer_stranger(sender: Sender, delivery: InboundDelivery) -> dict[str, str] | None:
    """Return the response to a challenge that its sender does not sign, None for anything else."""
    if sender.challenge is None or sender.challenge.signed:
        return None
    try:
        payload = webhook_body.read_payload(sender, delivery)
    except DomainError:
        return None
    return webhook_events.answer_challenge(sender, payload, signed=False)


def _keep_offered_token(world: World, trigger: OnWebhook, payload: object) -> ReceivedDelivery:
    """Store the first token that is offered while no secret is set, until an admin decides.

    Any caller can post one, so a later token never replaces it. Raises `InvalidSignature` without a
    token, `Conflict` for another token, and `Superseded` if the trigger was changed concurrently.
    """
    token = webhook_events.get_path(payload, "verification_token")
    if not isinstance(token, str) or not token or len(token) > 500:
        raise InvalidSignature("this webhook expects Notion's verification_token")
    if trigger.webhook.offered is not None:
        if world.encryption.decrypt_secret(trigger.webhook.offered, trigger.id) != token:
            raise Conflict("an admin must first confirm or discard another verification token")
        return ReceivedDelivery(handshake={})
    offered = replace(trigger.webhook, offered=world.encryption.encrypt_secret(token, trigger.id))
    new = replace(trigger, webhook=offered, updated_at=world.now())
    world.triggers.save_progress(as_next_version(new, trigger), trigger)
    return ReceivedDelivery(handshake={})


def _confirm_subscription(world: World, payload: object) -> dict[str, str] | None:
    """Confirm the subscription that a verified message asks for; None if it asks for none."""
    if not isinstance(payload, Mapping) or payload.get("Type") != "SubscriptionConfirmation":
        return None
    url = sns_message.confirmation_url(payload)
    if url is None or not world.sns.confirm_subscription(url):
        raise Conflict("Amazon SNS did not accept the confirmation: request it again there")
    return {"confirmed": str(payload["TopicArn"])}


def _record_refusal(
    world: World,
    basis: FiringContext,
    trigger: OnWebhook,
    delivery: InboundDelivery,
    error: DomainError,
) -> None:
    """Record a failed firing for a signed delivery that cannot be read.

    Its bytes are part of its identity: after a change of its configuration the sender may send the
    same delivery again, which then must fire.
    """
    delivery_id = delivery.first_header(*SENDERS[trigger.webhook.preset].id_headers)
    described = delivery.first_header("content-type", "content-encoding").encode() + delivery.body
    digest = hashlib.sha256(described).hexdigest()[:16]
    occurrence = replace(
        _bare_occurrence(world, trigger, delivery, f"{delivery_id or 'unreadable'} {digest}"),
        params={},
        payload=webhook_body.raw_text(delivery),
        decided=(Outcome.FAILED, str(error)),
    )
    _fire_delivery(world, basis, lambda *_: occurrence)


def _bare_occurrence(
    world: World, trigger: Trigger, delivery: InboundDelivery, delivery_id: str
) -> Occurrence:
    """Return an occurrence with its identity: the sender's id of the delivery, or its bytes."""
    now = world.now()
    identity = delivery_id or f"{delivery.body_digest[:16]}@{ids.format_moment(now)}"
    if len(identity) > 200:
        digest = hashlib.sha256(f"id {delivery_id}".encode()).hexdigest()
        identity = f"{delivery_id[:160]}…{digest[:16]}"
    bare = Occurrence(source=trigger.id, identity=identity, trigger_type=TriggerType.WEBHOOK)
    if delivery_id:
        return bare
    return replace(bare, claim=_make_claim(trigger, delivery, bare.firing_id, now))


def _make_occurrence(
    world: World,
    basis: FiringContext,
    trigger: OnWebhook,
    delivery: InboundDelivery,
    payload: object,
) -> Occurrence:
    sender = SENDERS[trigger.webhook.preset]
    names = webhook_events.event_names(sender, delivery, payload)
    delivery_id = webhook_events.delivery_id(sender, delivery, payload)
    bare = _bare_occurrence(world, trigger, delivery, delivery_id)
    occurrence = read_payload_params(
        world, trigger, replace(bare, events=tuple(sorted(names))), payload
    )
    if occurrence.decided is None and policies.is_loop(world, basis.blueprint, payload):
        return replace(occurrence, decided=(Outcome.SKIPPED, Skip.LOOP.value))
    return occurrence


def _make_claim(
    trigger: Trigger, delivery: InboundDelivery, firing_id: FiringId, now: datetime
) -> IdempotencyClaim:
    """Claim a body without an id for a limited time; with an id, the firing's own id is unique."""
    return IdempotencyClaim(
        key=f"delivery#{trigger.id}#{delivery.body_digest}",
        digest=delivery.body_digest,
        result=firing_id,
        expires_at=now + webhook_events.DIGEST_CLAIM_LIFETIME,
    )


def _fire_delivery(
    world: World,
    basis: FiringContext,
    make_occurrence: Callable[[FiringContext, OnWebhook], Occurrence],
) -> ReceivedDelivery:
    def decide(context: FiringContext) -> Decision | None:
        trigger = context.trigger
        if not isinstance(trigger, OnWebhook) or not trigger.enabled:
            return None
        # Only the blueprint is checked, because an edit of a trigger makes a new version of both.
        return decide_firing(world, context, make_occurrence(context, trigger))

    match fire_occurrence(world, basis, decide, Patience.WEBHOOK):
        case Fired(decision=decision, context=context):
            if decision.run:
                due_messages.enqueue_if_due_soon(world, [decision.run])
            kind = context.blueprint.kind.value
            return ReceivedDelivery(firing=decision.firing, blueprint_kind=kind)
        case AlreadyFired(decision=decision, context=context):
            return _first_firing(world, context, decision)
        case Gone():
            raise NotFound("webhook", basis.trigger.id)
        case Stale():
            raise Busy


def _first_firing(world: World, basis: FiringContext, decision: Decision) -> ReceivedDelivery:
    """Return the firing of the first occurrence of a delivery, for a decision about a duplicate."""
    claim = decision.claim
    held = world.firings.find_claim(claim.key, world.now()) if claim else None
    firing = world.firings.get(FiringId(held.result) if held else decision.firing.id)
    kind = basis.blueprint.kind.value
    return ReceivedDelivery(firing=firing, duplicate=True, blueprint_kind=kind)
