"""Deliveries of webhooks: verified, fired once, and answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs

from chalicelib.actions import policies, sending
from chalicelib.actions.firing import Occurrence, commit, decide
from chalicelib.domain import firing as firings
from chalicelib.domain import hook as hooks
from chalicelib.domain import json_text
from chalicelib.domain.decision import Basis, Decision
from chalicelib.domain.errors import Invalid, NotFound, NotJson, Superseded, Unsigned
from chalicelib.domain.firing import Claim, Firing, Outcome, Skip
from chalicelib.domain.hook import PRESETS, Delivery, Preset
from chalicelib.domain.limits import PICKED
from chalicelib.domain.trigger import HookConfig, Trigger
from chalicelib.ports import Taken, World

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Received:
    """What became of a delivery: a firing, the first one's when it came before, or a handshake."""

    firing: Firing | None = None
    duplicate: bool = False
    handshake: Mapping[str, str] | None = None
    definition_kind: str = ""


def receive(world: World, path: str, delivery: Delivery) -> Received:
    """Fire what listens at `path`, once for each delivery. Nothing is written for a stranger.

    Raises `NotFound` where nobody listens, `Unsigned`, `NotJson` and `Invalid`.
    """
    basis = _listening(world, path)
    trigger = basis.trigger
    assert trigger is not None
    assert trigger.hook is not None
    preset = PRESETS[trigger.hook.preset]
    secrets = [world.seals.open(sealed, trigger.id) for sealed in trigger.hook.sealed]
    if secrets and not hooks.believed(preset, delivery, secrets, world.now()):
        world.metrics.rejected("signature")
        raise Unsigned(
            f"the signature is missing or wrong (this hook expects {trigger.hook.preset})"
        )
    payload = parsed(delivery, preset)
    if not hooks.fresh(preset, payload, world.now()):
        world.metrics.rejected("replay")
        raise Unsigned("this was sent too long ago")
    if trigger.hook.preset == "notion" and not secrets:
        return _offered(world, trigger, payload)
    answer = hooks.handshake(trigger.hook.preset, payload)
    if answer is not None:
        return Received(handshake=answer)
    return _fire(world, basis, _occurrence(world, basis, delivery, preset, payload))


def _listening(world: World, path: str) -> Basis:
    hook = world.triggers.hook(path)
    pairs = [(hook.trigger_id, hook.definition_id)] if hook else []
    found = world.triggers.bases(pairs, hook.template_id) if hook else {}
    basis = found.get(hook.trigger_id) if hook else None
    if basis is None or basis.trigger is None or not basis.trigger.enabled:
        raise NotFound("webhook", path)
    return basis


def parsed(delivery: Delivery, preset: Preset) -> object:
    """Return the payload of a delivery: JSON, or a form with JSON in its `payload`."""
    kind = delivery.header("content-type").partition(";")[0].strip().lower()
    text = delivery.body.decode("utf-8", "replace")
    if kind == FORM:
        form = parse_qs(text, keep_blank_values=True)
        if "payload" not in form:
            if preset.forms:
                return {name: found[-1] for name, found in form.items()}
            raise Invalid("a form needs a field `payload` that holds JSON", "payload")
        text = form["payload"][-1]
    elif kind not in ("", "application/json", "text/json") and not kind.endswith("+json"):
        raise NotJson("send JSON, or a form with JSON in its field `payload`")
    found: object = json_text.read(text)
    return found


def _offered(world: World, trigger: Trigger, payload: object) -> Received:
    """Keep the token that Notion offers before it signs anything; a person confirms it there."""
    token = hooks.at_path(payload, "verification_token")
    if not isinstance(token, str) or not token or len(token) > 500:
        raise Unsigned("this hook waits for Notion's verification_token")
    assert trigger.hook is not None
    offered = replace(trigger.hook, offered=world.seals.seal(token, trigger.id))
    new = replace(trigger, hook=offered, version=trigger.version + 1, updated_at=world.now())
    world.triggers.note(new, trigger)
    return Received(handshake={})


def _occurrence(
    world: World, basis: Basis, delivery: Delivery, preset: Preset, payload: object
) -> Occurrence:
    trigger, definition = basis.trigger, basis.definition
    assert trigger is not None
    assert trigger.hook is not None
    now = world.now()
    named = hooks.delivery_id(preset, delivery, payload)
    identity = named or f"{delivery.digest[:16]}@{firings.moment_text(now)}"
    if len(identity) > 200:
        seen = hashlib.sha256(f"id {named}".encode()).hexdigest()
        identity = f"{named[:160]}…{seen[:16]}"
    names = hooks.event_names(preset, delivery, payload)
    source = Occurrence(
        source=trigger.id,
        identity=identity,
        trigger_type="webhook",
        events=tuple(sorted(names)),
    )
    if not named:
        source = replace(source, claim=_claim(trigger, delivery, source.firing_id, now))
    found = read(world, trigger, source, payload)
    if found.decided is None and policies.looped(world, definition, payload):
        return replace(found, decided=(Outcome.SKIPPED, Skip.LOOP.value))
    return found


def _claim(trigger: Trigger, delivery: Delivery, firing_id: str, now: datetime) -> Claim:
    """Bind a nameless body for a while; a name is bound by its firing, whose id it makes."""
    return Claim(
        key=f"delivery#{trigger.id}#{delivery.digest}",
        digest=delivery.digest,
        result=firing_id,
        expires_at=now + hooks.DIGEST_SEEN_FOR,
    )


def read(world: World, trigger: Trigger, bare: Occurrence, payload: object) -> Occurrence:
    """Return an occurrence with its params, and the verdict of the trigger's own filters."""
    whole = payload if isinstance(payload, dict) else {"payload": payload}
    text = json.dumps(payload, ensure_ascii=False)
    mapping = trigger.param_mapping
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


def mapped(world: World, mapping: Mapping[str, object], payload: object) -> dict[str, object]:
    """Return the params that a mapping picks out of a payload; what is not there is null."""
    found: dict[str, object] = {}
    room = PICKED
    for name, path in mapping.items():
        whole = path == "$"
        found[name] = payload if whole else world.expressions.search(query(str(path)), payload)
        room -= len(json.dumps(found[name], ensure_ascii=False))
        if room < 0:
            raise Invalid(f"the params that are picked out hold over {PICKED:,} characters", name)
    return found


def query(path: str) -> str:
    """Return the JMESPath behind `$.path`."""
    return path.removeprefix("$.")


def _passes(
    world: World, hook: HookConfig, events: tuple[str, ...] | None, payload: object
) -> bool:
    if events is not None and not hooks.wanted(hook.events, events):
        return False
    if hook.filter is None:
        return True
    found = world.expressions.search(hook.filter, payload)
    # What JMESPath itself calls false; 0 is true.
    return not (found is None or found is False or found in ("", [], {}))


def _fire(world: World, basis: Basis, occurrence: Occurrence) -> Received:
    trigger = basis.trigger
    assert trigger is not None
    for _ in range(3):
        # Its definition alone is checked: whoever edits a trigger makes a new version of both.
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
    raise Superseded("the task was changed again and again meanwhile, send it again")


def _committed(world: World, basis: Basis, decision: Decision) -> Received:
    if decision.run:
        sending.send_soon(world, [decision.run])
    return Received(firing=decision.firing, definition_kind=basis.definition.kind.value)


def _first(world: World, basis: Basis, occurrence: Occurrence) -> Received:
    """Return the firing that this delivery had when it came first."""
    claim = occurrence.claim
    held = world.firings.claimed(claim.key, world.now()) if claim else None
    firing = world.firings.get(held.result if held else occurrence.firing_id)
    kind = basis.definition.kind.value
    return Received(firing=firing, duplicate=True, definition_kind=kind)
