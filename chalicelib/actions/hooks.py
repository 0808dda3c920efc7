"""Inbound webhooks: verifies deliveries, fires each one once, and returns the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.actions import inbound_verification, policies, sending
from chalicelib.actions.firing import Occurrence, commit, decide
from chalicelib.domain import firing as firings
from chalicelib.domain import sns_message, webhook_body, webhook_events
from chalicelib.domain.decision import Basis, Decision
from chalicelib.domain.errors import (
    Conflict,
    DomainError,
    Invalid,
    NotAllowed,
    NotFound,
    NotJson,
    Superseded,
    TooLarge,
    Unsigned,
)
from chalicelib.domain.firing import Claim, Firing, Outcome, Skip
from chalicelib.domain.limits import PICKED
from chalicelib.domain.trigger import HookConfig, Trigger
from chalicelib.domain.webhook_senders import SENDERS, Sender
from chalicelib.domain.webhook_signatures import Delivery
from chalicelib.ports import Taken, World


@dataclass(frozen=True, kw_only=True)
class Received:
    """The result of a delivery: a firing, the first one's firing for a duplicate, or a handshake.

    `success_status` is the HTTP status that its sender accepts as success.
    """

    firing: Firing | None = None
    duplicate: bool = False
    handshake: Mapping[str, str] | None = None
    definition_kind: str = ""
    success_status: int = 202


def receive(world: World, path: str, delivery: Delivery) -> Received:
    """Fire the trigger of `path`, once for each delivery. Unsigned deliveries leave no record.

    Raises `NotFound` if no enabled trigger has this path, and otherwise `Unsigned`, `NotJson`,
    `TooLarge`, `TooMany`, `Invalid` or `Conflict`. A signed delivery that cannot be read leaves a
    failed firing with the reason.
    """
    basis = _listening(world, path)
    trigger, hook = _webhook(basis)
    sender = SENDERS[hook.preset]
    secrets = [world.seals.open(sealed, trigger.id) for sealed in hook.sealed]
    signed = bool(secrets) or sender.check is None
    if signed:
        try:
            inbound_verification.check_signature(world, hook.preset, delivery, secrets, hook.topics)
        except Unsigned:
            answer = _answer_stranger(sender, delivery)
            if answer is None:
                raise
            return Received(handshake=answer)
    try:
        payload = webhook_body.read_payload(sender, delivery)
    except (Invalid, NotJson, TooLarge) as error:
        if signed:
            _record_refusal(world, basis, delivery, error)
        raise
    inbound_verification.check_age(world, sender, payload)
    if sender.offers_token and not secrets:
        return _keep_offered_token(world, trigger, payload)
    answer = webhook_events.answer_challenge(sender, payload, signed=signed)
    if sender.check is None:
        answer = _confirm_subscription(world, payload)
        payload = webhook_body.unpack_message(payload)
    if answer is not None:
        return Received(handshake=answer)
    received = _fire(world, basis, _occurrence(world, basis, delivery, payload))
    return replace(received, success_status=sender.success_status)


def allow_origin(world: World, path: str) -> None:
    """Allow a sender to deliver to `path`, as CloudEvents requests before the first delivery.

    Raises `NotFound` if no trigger has this path, and `NotAllowed` if its sender does not use it.
    """
    _, hook = _webhook(_listening(world, path))
    if not SENDERS[hook.preset].answers_options:
        raise NotAllowed("this webhook accepts POST only")


def _webhook(basis: Basis) -> tuple[Trigger, HookConfig]:
    assert basis.trigger is not None
    assert basis.trigger.hook is not None
    return basis.trigger, basis.trigger.hook


def _listening(world: World, path: str) -> Basis:
    hook = world.triggers.hook(path)
    pairs = [(hook.trigger_id, hook.definition_id)] if hook else []
    found = world.triggers.bases(pairs, hook.template_id) if hook else {}
    basis = found.get(hook.trigger_id) if hook else None
    if basis is None or basis.trigger is None or not basis.trigger.enabled:
        raise NotFound("webhook", path)
    return basis


def _answer_stranger(sender: Sender, delivery: Delivery) -> dict[str, str] | None:
    """Return the response to a challenge that its sender does not sign, None for anything else."""
    if sender.challenge is None or sender.challenge.signed:
        return None
    try:
        payload = webhook_body.read_payload(sender, delivery)
    except DomainError:
        return None
    return webhook_events.answer_challenge(sender, payload, signed=False)


def _keep_offered_token(world: World, trigger: Trigger, payload: object) -> Received:
    """Store the first token that is offered while no secret is set, until an admin decides.

    Any caller can post one, so a later token never replaces it.
    """
    token = webhook_events.get_path(payload, "verification_token")
    if not isinstance(token, str) or not token or len(token) > 500:
        raise Unsigned("this webhook expects Notion's verification_token")
    assert trigger.hook is not None
    if trigger.hook.offered is not None:
        if world.seals.open(trigger.hook.offered, trigger.id) != token:
            raise Conflict("an admin must first confirm or discard another verification token")
        return Received(handshake={})
    offered = replace(trigger.hook, offered=world.seals.seal(token, trigger.id))
    new = replace(trigger, hook=offered, version=trigger.version + 1, updated_at=world.now())
    try:
        world.triggers.note(new, trigger)
    except Taken as taken:
        raise Superseded("the webhook was changed concurrently: send it again") from taken
    return Received(handshake={})


def _confirm_subscription(world: World, payload: object) -> dict[str, str] | None:
    """Confirm the subscription that a verified message asks for; None if it asks for none."""
    if not isinstance(payload, Mapping) or payload.get("Type") != "SubscriptionConfirmation":
        return None
    url = sns_message.confirmation_url(payload)
    if url is None or not world.sns.confirm(url):
        raise Conflict("Amazon SNS did not accept the confirmation: request it again there")
    return {"confirmed": str(payload["TopicArn"])}


def _record_refusal(world: World, basis: Basis, delivery: Delivery, error: DomainError) -> None:
    """Record a failed firing for a signed delivery that cannot be read.

    Its bytes are part of its identity: after a change of its configuration the sender may send the
    same delivery again, which then must fire.
    """
    trigger, hook = _webhook(basis)
    named = delivery.header(*SENDERS[hook.preset].id_headers)
    described = delivery.header("content-type", "content-encoding").encode() + delivery.body
    digest = hashlib.sha256(described).hexdigest()[:16]
    occurrence = replace(
        _bare_occurrence(world, trigger, delivery, f"{named or 'unreadable'} {digest}"),
        params={},
        payload=webhook_body.raw_text(delivery),
        decided=(Outcome.FAILED, str(error)),
    )
    _fire(world, basis, occurrence)


def _bare_occurrence(world: World, trigger: Trigger, delivery: Delivery, named: str) -> Occurrence:
    """Return an occurrence with its identity: the sender's id of the delivery, or its bytes."""
    now = world.now()
    identity = named or f"{delivery.digest[:16]}@{firings.moment_text(now)}"
    if len(identity) > 200:
        digest = hashlib.sha256(f"id {named}".encode()).hexdigest()
        identity = f"{named[:160]}…{digest[:16]}"
    bare = Occurrence(source=trigger.id, identity=identity, trigger_type="webhook")
    if named:
        return bare
    return replace(bare, claim=_claim(trigger, delivery, bare.firing_id, now))


def _occurrence(world: World, basis: Basis, delivery: Delivery, payload: object) -> Occurrence:
    trigger, hook = _webhook(basis)
    sender = SENDERS[hook.preset]
    names = webhook_events.event_names(sender, delivery, payload)
    named = webhook_events.delivery_id(sender, delivery, payload)
    bare = _bare_occurrence(world, trigger, delivery, named)
    occurrence = read(world, trigger, replace(bare, events=tuple(sorted(names))), payload)
    if occurrence.decided is None and policies.looped(world, basis.definition, payload):
        return replace(occurrence, decided=(Outcome.SKIPPED, Skip.LOOP.value))
    return occurrence


def _claim(trigger: Trigger, delivery: Delivery, firing_id: str, now: datetime) -> Claim:
    """Claim a body without an id for a limited time; with an id, the firing's own id is unique."""
    return Claim(
        key=f"delivery#{trigger.id}#{delivery.digest}",
        digest=delivery.digest,
        result=firing_id,
        expires_at=now + webhook_events.DIGEST_REMEMBERED,
    )


def read(world: World, trigger: Trigger, bare: Occurrence, payload: object) -> Occurrence:
    """Return an occurrence with its params, and the decision of the trigger's own filters."""
    whole = payload if isinstance(payload, dict) else {"payload": payload}
    text = json.dumps(payload, ensure_ascii=False)
    mapping = trigger.param_mapping
    if trigger.hook and _is_ping(trigger.hook, bare.events, payload):
        skipped = (Outcome.SKIPPED, Skip.PING.value)
        return replace(bare, params=whole, payload=text, decided=skipped)
    try:
        params = mapped(world, mapping, payload) if mapping is not None else whole
        passes = trigger.hook is None or _passes(world, trigger.hook, bare.events, payload)
    except Invalid as error:
        failed = (Outcome.FAILED, error.message)
        return replace(bare, params=whole, payload=text, decided=failed)
    return replace(
        bare,
        params=params,
        payload=None if params is payload else text,
        decided=None if passes else (Outcome.SKIPPED, Skip.FILTERED.value),
    )


def _is_ping(hook: HookConfig, events: tuple[str, ...] | None, payload: object) -> bool:
    sender = SENDERS[hook.preset]
    return events is not None and webhook_events.is_ping(sender, hook.events, events, payload)


def mapped(world: World, mapping: Mapping[str, object], payload: object) -> dict[str, object]:
    """Return the params that a mapping picks from a payload; a missing value is null."""
    found: dict[str, object] = {}
    room = PICKED
    for name, path in mapping.items():
        whole = path == "$"
        found[name] = payload if whole else world.expressions.search(query(str(path)), payload)
        room -= len(json.dumps(found[name], ensure_ascii=False))
        if room < 0:
            raise Invalid(f"the picked params may have at most {PICKED:,} characters", name)
    return found


def query(path: str) -> str:
    """Return the JMESPath without the prefix `$.`."""
    return path.removeprefix("$.")


def _passes(
    world: World, hook: HookConfig, events: tuple[str, ...] | None, payload: object
) -> bool:
    if events is not None and not webhook_events.matches_event(hook.events, events):
        return False
    if hook.filter is None:
        return True
    found = world.expressions.search(hook.filter, payload)
    # JMESPath's own definition of false, in which 0 is true.
    return not (found is None or found is False or found in ("", [], {}))


def _fire(world: World, basis: Basis, occurrence: Occurrence) -> Received:
    trigger = basis.trigger
    assert trigger is not None
    for _ in range(3):
        # Only the blueprint is checked, because an edit of a trigger makes a new version of both.
        decision = decide(world, basis, occurrence)
        try:
            commit(world, decision)
        except Taken as taken:
            if taken.parts & {"claim", "firing", "run"}:
                return _first(world, basis, occurrence)
            again = world.triggers.bases([(trigger.id, trigger.definition_id)])
            if trigger.id not in again:
                raise NotFound("webhook", trigger.id) from taken
            basis = again[trigger.id]
            trigger = basis.trigger
            assert trigger is not None
            if not trigger.enabled:
                raise NotFound("webhook", trigger.id) from taken
            continue
        return _committed(world, basis, decision)
    raise Superseded("the task was modified concurrently; send it again")


def _committed(world: World, basis: Basis, decision: Decision) -> Received:
    if decision.run:
        sending.send_soon(world, [decision.run])
    return Received(firing=decision.firing, definition_kind=basis.definition.kind.value)


def _first(world: World, basis: Basis, occurrence: Occurrence) -> Received:
    """Return the firing of the first occurrence of this delivery."""
    claim = occurrence.claim
    held = world.firings.claimed(claim.key, world.now()) if claim else None
    firing = world.firings.get(held.result if held else occurrence.firing_id)
    kind = basis.definition.kind.value
    return Received(firing=firing, duplicate=True, definition_kind=kind)
