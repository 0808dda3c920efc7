"""Ticket providers: created, changed, removed, and made due for an immediate sync."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.actions import due_messages
from chalicelib.actions.idempotency import earlier_result, existing_result
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.domain.errors import Conflict, NotFound, Superseded
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.tickets.provider import (
    EDITABLE_FIELDS,
    TicketProvider,
    apply_edit,
    check_config,
    check_same_tracker,
    expedite_sync,
    reset_listings,
)
from chalicelib.domain.triggers.trigger import OnTicket
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import World, WriteConflict


def create_provider(
    world: World, new: TicketProvider, credential: str, claim: IdempotencyClaim | None = None
) -> TicketProvider:
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
    except WriteConflict as taken:
        world.vault.remove(due.secret_key)
        return world.providers.get(existing_result(world, claim, taken))
    due_messages.enqueue_if_due_soon(world, [due])
    return due


def change_provider(
    world: World, was: TicketProvider, new: TicketProvider, credential: str | None = None
) -> TicketProvider:
    """Store an edit, merged with the progress of a running sync; enabling it starts a sync.

    Raises `Invalid` for a faulty config, or for one that identifies a different tracker.
    """
    check_config(new.source, new.config, world.policy.allowed_private)
    check_same_tracker(was, new.config)
    if credential is not None:
        world.vault.put(was.secret_key, credential)
    edit = {
        name: getattr(new, name)
        for name in EDITABLE_FIELDS
        if getattr(new, name) != getattr(was, name)
    }

    def changed() -> tuple[TicketProvider, TicketProvider]:
        current = world.providers.get(was.id)
        edited_provider = apply_edit(replace(current, **edit), current, world.now())
        if credential is not None:
            edited_provider = reset_listings(edited_provider)
        edited_provider = as_next_version(edited_provider, current)
        world.providers.put(edited_provider, current)
        return edited_provider, current

    stored, before = retry_on_conflict(f"provider {was.id!r}", changed)
    if stored.enabled and not before.enabled:
        due_messages.enqueue_if_due_soon(world, [stored])
    return stored


def enable_provider(world: World, provider_id: str) -> TicketProvider:
    """Enable a disabled provider; it continues from its stored progress."""
    was = world.providers.get(provider_id)
    return was if was.enabled else change_provider(world, was, replace(was, enabled=True))


def remove_provider(world: World, provider_id: str) -> None:
    """Remove a provider and its credential; raise `Conflict` if a trigger names it."""

    def removed() -> TicketProvider:
        old = world.providers.get(provider_id)
        _check_unnamed(world, old)
        world.providers.remove(old)
        return old

    world.vault.remove(retry_on_conflict(f"provider {provider_id!r}", removed).secret_key)


def _check_unnamed(world: World, old: TicketProvider) -> None:
    pairs = world.triggers.list_of_source(old.source)
    bases = world.triggers.read_contexts(pairs) if pairs else {}
    for basis in bases.values():
        trigger = basis.trigger
        if isinstance(trigger, OnTicket) and trigger.ticket.provider_id == old.id:
            raise Conflict(
                f"the task {basis.blueprint.name!r} has a trigger for this provider: "
                "change or remove the trigger first"
            )


def sync_now(world: World, source: str | None = None) -> int:
    """Make each enabled provider (of `source`) due now; return their number."""
    count = 0
    for provider in world.providers.list_all():
        if provider.enabled and source in (None, provider.source):
            count += _expedite(world, provider.id)
    return count


def _expedite(world: World, provider_id: str) -> bool:
    """Make a provider due now; return whether it is enabled and was changed."""

    def expedite_once() -> TicketProvider | None:
        was = world.providers.get(provider_id)
        if not was.enabled:
            return None
        new = as_next_version(expedite_sync(was, world.now()), was)
        world.providers.put(new, was)
        return new

    try:
        new = retry_on_conflict(f"provider {provider_id!r}", expedite_once)
    except (NotFound, Superseded):
        return False
    if new and not new.asked:
        due_messages.enqueue_if_due_soon(world, [new])
    return new is not None
