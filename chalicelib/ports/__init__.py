"""What the core needs from outside: small protocols, in the core's words."""

from chalicelib.ports.forges import Forge, Forges
from chalicelib.ports.parts import Change, Due, Hook, Taken
from chalicelib.ports.services import (
    Builds,
    Expressions,
    Logs,
    Metrics,
    Outputs,
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
    Providers,
    Pulses,
    Repos,
    Runs,
    Secrets,
    Slots,
    Triggers,
)
from chalicelib.ports.trackers import Limited, TicketPage, Tracker, Trackers, Unreachable
from chalicelib.ports.world import World

__all__ = [
    "Blueprints",
    "Builds",
    "Change",
    "Due",
    "Expressions",
    "Firings",
    "Forge",
    "Forges",
    "Hook",
    "Keys",
    "Limited",
    "Logs",
    "Metrics",
    "Outputs",
    "Policy",
    "PromptTemplates",
    "Providers",
    "Pulses",
    "Queue",
    "Repos",
    "Runs",
    "Seals",
    "Secrets",
    "Slots",
    "Taken",
    "TicketPage",
    "Tracker",
    "Trackers",
    "Triggers",
    "Unreachable",
    "Vault",
    "World",
]
