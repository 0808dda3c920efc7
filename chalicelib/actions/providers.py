"""Ticket providers: created, changed, removed, and made due for an immediate sync."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.actions import sending
from chalicelib.actions.claiming import earlier_result, made_first
from chalicelib.actions.persisting import AGAIN, persist
from chalicelib.domain.errors import Conflict, NotFound, Superseded
from chalicelib.domain.firing import Claim
from chalicelib.domain.provider import (
    EDITED,
    Provider,
    check_config,
    check_place,
    edited,
    hastened,
    unread,
)
from chalicelib.ports import Taken, World


def create(world: World, new: Provider, credential: str, claim: Claim | None = None) -> Provider:
    """Store a provider, its credential first; its first sync starts at once.

    With a claim, a repeated request returns the provider of the first one. Raises `Invalid` for a
    faulty config.
    """
    if earlier := earlier_result(world, claim):
        return world.providers.get(earlier)
    check_config(new.source, new.config, world.policy.allowed_private)
    due = replace(new, due_at=world.now() if new.enabled else None)
    world.vault.put(due.secret_key, credential)
    try:
        world.providers.add(due, claim)
    except Taken as taken:
        world.vault.remove(due.secret_key)
        return world.providers.get(made_first(world, claim, taken))
    sending.send_soon(world, [due])
    return due


def change(world: World, was: Provider, new: Provider, credential: str | None = None) -> Provider:
    """Store an edit, merged with the progress of a running sync; enabling it starts a sync.

    Raises `Invalid` for a faulty config, or for one that identifies a different tracker.
    """
    check_config(new.source, new.config, world.policy.allowed_private)
    check_place(was, new.config)
    if credential is not None:
        world.vault.put(was.secret_key, credential)
    edit = {name: getattr(new, name) for name in EDITED if getattr(new, name) != getattr(was, name)}

    def changed() -> tuple[Provider, Provider]:
        current = world.providers.get(was.id)
        kept = edited(replace(current, **edit), current, world.now())
        if credential is not None:
            kept = unread(kept)
        world.providers.put(replace(kept, version=current.version + 1), current)
        return replace(kept, version=current.version + 1), current

    kept, before = persist(f"provider {was.id!r}", changed)
    if kept.enabled and not before.enabled:
        sending.send_soon(world, [kept])
    return kept


def enable(world: World, provider_id: str) -> Provider:
    """Enable a disabled provider; it continues from its stored progress."""
    was = world.providers.get(provider_id)
    return was if was.enabled else change(world, was, replace(was, enabled=True))


def remove(world: World, provider_id: str) -> None:
    """Remove a provider and its credential; raise `Conflict` if a trigger names it."""

    def removed() -> Provider:
        old = world.providers.get(provider_id)
        _check_unnamed(world, old)
        world.providers.remove(old)
        return old

    world.vault.remove(persist(f"provider {provider_id!r}", removed).secret_key)


def _check_unnamed(world: World, old: Provider) -> None:
    pairs = world.triggers.of_source(old.source)
    bases = world.triggers.bases(pairs) if pairs else {}
    for basis in bases.values():
        config = basis.trigger.ticket if basis.trigger else None
        if config and config.provider_id == old.id:
            raise Conflict(
                f"the task {basis.definition.name!r} has a trigger for this provider: "
                "change or remove the trigger first"
            )


def sync_now(world: World, source: str | None = None) -> int:
    """Make each enabled provider (of `source`) due now; return their number."""
    count = 0
    for provider in world.providers.all():
        if provider.enabled and source in (None, provider.source):
            count += _hasten(world, provider.id)
    return count


def _hasten(world: World, provider_id: str) -> bool:
    for _ in range(AGAIN):
        try:
            was = world.providers.get(provider_id)
            if not was.enabled:
                return False
            new = replace(hastened(was, world.now()), version=was.version + 1)
            world.providers.put(new, was)
        except NotFound:
            return False
        except Superseded:
            continue
        if not new.asked:
            sending.send_soon(world, [new])
        return True
    return False
