"""CloudWatch metrics in the embedded metric format: a log line, no call and no wait."""

from __future__ import annotations

from datetime import timedelta

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit, single_metric

from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.runs.state import State

NAMESPACE = "Optio"


class EmbeddedMetrics:
    """Metrics under the stage's name."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def count_firing(self, firing: Firing) -> None:
        occurrences = firing.count or 1
        self._emit("Firings", MetricUnit.Count, occurrences, outcome=firing.outcome.value)
        if firing.is_automatic and firing.outcome is Outcome.FIRED:
            self._emit("FiringLateness", MetricUnit.Milliseconds, firing.lateness_ms)

    def record_commit_time(self, milliseconds: int) -> None:
        self._emit("FiringCommitted", MetricUnit.Milliseconds, milliseconds)

    def count_rejection(self, reason: str) -> None:
        """Count a delivery that was refused; its reason is for readers of the log."""
        metrics = EphemeralMetrics(namespace=NAMESPACE)
        metrics.add_dimension(name="stage", value=self._stage)
        metrics.add_metric(name="HookRejected", unit=MetricUnit.Count, value=1)
        metrics.add_metadata(key="reason", value=reason)
        metrics.flush_metrics()

    def record_tick(self, sent: int, overdue: timedelta) -> None:
        """Record what a tick found. Zeros are left out: a metric is paid for while it has data."""
        if sent:
            self._emit("TickSent", MetricUnit.Count, sent)
        if overdue:
            self._emit("OldestOverdue", MetricUnit.Seconds, overdue.total_seconds())

    def count_missing_runner(self) -> None:
        self._emit("RunnerMissing", MetricUnit.Count, 1)

    def count_move(self, state: State) -> None:
        self._emit("Runs", MetricUnit.Count, 1, state=state.value)

    def record_wait(self, span: timedelta) -> None:
        self._emit("QueueAge", MetricUnit.Seconds, span.total_seconds())

    def record_step_time(self, step: str, span: timedelta) -> None:
        self._emit(
            "StepDuration", MetricUnit.Milliseconds, span / timedelta(milliseconds=1), step=step
        )

    def count_agent_failure(self, error_class: str) -> None:
        self._emit("AgentErrors", MetricUnit.Count, 1, errorClass=error_class)

    def add_cost(self, dollars: float) -> None:
        self._emit("CostUsd", MetricUnit.NoUnit, dollars)

    def count_lost_activity(self) -> None:
        self._emit("ActivityLost", MetricUnit.Count, 1)

    def _emit(self, name: str, unit: MetricUnit, value: float, **dimensions: str) -> None:
        with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE) as metric:
            metric.add_dimension(name="stage", value=self._stage)
            for key, text in dimensions.items():
                metric.add_dimension(name=key, value=text)
