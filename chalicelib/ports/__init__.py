"""What the core needs from outside: small protocols, in the core's words."""

from chalicelib.ports.parts import Change, Due, Hook, Taken
from chalicelib.ports.services import (
    Builds,
    Expressions,
    Logs,
    Metrics,
    Policy,
    Queue,
    Seals,
    Vault,
)
from chalicelib.ports.stores import (
    Blueprints,
    Firings,
    Keys,
    PromptTemplates,
    Pulses,
    Repos,
    Runs,
    Secrets,
    Slots,
    Triggers,
)
from chalicelib.ports.world import World

__all__ = [
    "Blueprints",
    "Builds",
    "Change",
    "Due",
    "Expressions",
    "Firings",
    "Hook",
    "Keys",
    "Logs",
    "Metrics",
    "Policy",
    "PromptTemplates",
    "Pulses",
    "Queue",
    "Repos",
    "Runs",
    "Seals",
    "Secrets",
    "Slots",
    "Taken",
    "Triggers",
    "Vault",
    "World",
]
