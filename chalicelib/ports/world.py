"""The ports of the core in one object."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.ports.forges import Forges
from chalicelib.ports.services import (
    Builds,
    Expressions,
    Logs,
    Metrics,
    Outputs,
    Policy,
    Posts,
    Queue,
    Seals,
    Sns,
    Vault,
)
from chalicelib.ports.stores import (
    Activity,
    Blueprints,
    Counters,
    Deliveries,
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
    Webhooks,
)
from chalicelib.ports.trackers import Trackers


class World(Protocol):
    """The ports of the core in one object. Times are in UTC."""

    def now(self) -> datetime: ...
    def wait(self, span: timedelta) -> None: ...
    def passes(self, error: Exception) -> bool:
        """Return whether an error is temporary, and so no fault of the row being processed."""
        ...

    @property
    def policy(self) -> Policy: ...
    @property
    def pulses(self) -> Pulses: ...
    @property
    def expressions(self) -> Expressions: ...
    @property
    def sns(self) -> Sns: ...
    @property
    def seals(self) -> Seals: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def prompt_templates(self) -> PromptTemplates: ...
    @property
    def blueprints(self) -> Blueprints: ...
    @property
    def triggers(self) -> Triggers: ...
    @property
    def firings(self) -> Firings: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def slots(self) -> Slots: ...
    @property
    def repos(self) -> Repos: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def trackers(self) -> Trackers: ...
    @property
    def activity(self) -> Activity: ...
    @property
    def counters(self) -> Counters: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def posts(self) -> Posts: ...
    @property
    def notify_queue(self) -> Queue: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def forges(self) -> Forges: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def fire_queue(self) -> Queue: ...
    @property
    def steps_queue(self) -> Queue: ...
    @property
    def builds(self) -> Builds: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def outputs(self) -> Outputs: ...
