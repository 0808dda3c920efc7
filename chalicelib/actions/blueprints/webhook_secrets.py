"""Secrets of webhook triggers: encrypted before the trigger is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chalicelib.domain.triggers.trigger import OnWebhook, Trigger
from chalicelib.ports import World


@dataclass(frozen=True)
class UnsealedTrigger:
    """A trigger as it was requested; its new secrets are not yet encrypted."""

    trigger: Trigger
    secrets: tuple[str, ...] = ()


def seal_trigger(world: World, unsealed: UnsealedTrigger) -> Trigger:
    """Return the trigger with its new secrets encrypted; without new ones it keeps its own."""
    trigger = unsealed.trigger
    if not isinstance(trigger, OnWebhook) or not unsealed.secrets:
        return trigger
    sealed = tuple(
        world.encryption.encrypt_secret(secret, trigger.id) for secret in unsealed.secrets
    )
    return replace(trigger, webhook=replace(trigger.webhook, sealed=sealed))
