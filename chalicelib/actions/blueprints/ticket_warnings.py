"""Warnings about ticket triggers."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.actions.blueprints.warning_facts import WarningFacts
from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.triggers.trigger import OnTicket, Trigger
from chalicelib.ports import World


def warn_of_missing_provider(
    world: World, facts: WarningFacts, owner: Blueprint, trigger: Trigger
) -> Iterator[FieldWarning]:
    """Warn if no ticket provider reads the tracker that a trigger waits for."""
    if not isinstance(trigger, OnTicket):
        return
    source, provider_id = trigger.ticket.source, trigger.ticket.provider_id
    providers = [
        provider
        for provider in facts.providers
        if provider.source == source and provider_id in (None, provider.id)
    ]
    if not providers:
        problem = f"there is no ticket provider for {source}, so this trigger never fires"
        yield FieldWarning("config.source", f"{problem}: add one with POST /api/tickets/providers")
    elif not any(each.enabled and each.disabled_reason is None for each in providers):
        problem = f"every ticket provider for {source} is paused or disabled"
        yield FieldWarning("config.source", f"{problem}, so this trigger does not fire now")
