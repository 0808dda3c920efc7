"""The ports of the core in one object."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.ports.forges import Forges
from chalicelib.ports.services import (
    Builds,
    Encryption,
    Expressions,
    MessageQueue,
    Metrics,
    Outputs,
    QueueReader,
    RunLogs,
    Sns,
    StagePolicy,
    Vault,
    WebhookSender,
)
from chalicelib.ports.stores import (
    Activity,
    Blueprints,
    Counters,
    Deliveries,
    Firings,
    Keys,
    Markers,
    PromptTemplates,
    Providers,
    Repos,
    Runs,
    RunSets,
    Secrets,
    Slots,
    Triggers,
    WaitingQueues,
    WebhookEndpoints,
)
from chalicelib.ports.trackers import Trackers


class World(Protocol):
    """The ports of the core in one object. Times are in UTC."""

    def now(self) -> datetime:
        """Return the present time."""

    def wait(self, span: timedelta) -> None:
        """Wait for a time; do not wait if it is negative."""

    def is_transient(self, error: Exception) -> bool:
        """Return whether an error is temporary, and so no fault of the row being processed."""

    @property
    def policy(self) -> StagePolicy: ...
    @property
    def markers(self) -> Markers: ...
    @property
    def expressions(self) -> Expressions: ...
    @property
    def sns(self) -> Sns: ...
    @property
    def encryption(self) -> Encryption: ...
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
    def run_sets(self) -> RunSets: ...

    @property
    def waiting_queues(self) -> WaitingQueues: ...
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
    def webhook_endpoints(self) -> WebhookEndpoints: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def webhook_sender(self) -> WebhookSender: ...
    @property
    def notify_queue(self) -> MessageQueue:
        """The messages about notifications and due deliveries."""

    @property
    def notify_reader(self) -> QueueReader:
        """The reading of the notify queue."""

    @property
    def secrets(self) -> Secrets: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def forges(self) -> Forges: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def fire_queue(self) -> MessageQueue:
        """The messages about due triggers."""

    @property
    def steps_queue(self) -> MessageQueue:
        """The messages about due runs."""

    @property
    def remote_queue(self) -> MessageQueue:
        """The messages about due calls to forges and trackers."""

    @property
    def builds(self) -> Builds: ...
    @property
    def logs(self) -> RunLogs: ...
    @property
    def outputs(self) -> Outputs: ...
