"""CloudWatch metrics in the embedded metric format: a log line, no call and no wait."""

from __future__ import annotations

from datetime import timedelta

from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE = "Optio"


class EmbeddedMetrics:
    """What is counted, under the stage's name."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def lateness(self, milliseconds: int) -> None:
        self._emit("FiringLateness", MetricUnit.Milliseconds, milliseconds)

    def committed(self, milliseconds: int) -> None:
        self._emit("FiringCommitted", MetricUnit.Milliseconds, milliseconds)

    def rejected(self, reason: str) -> None:
        self._emit("HookRejected", MetricUnit.Count, 1, reason=reason)

    def ticked(self, sent: int, overdue: timedelta) -> None:
        self._emit("TickSent", MetricUnit.Count, sent)
        self._emit("OldestOverdue", MetricUnit.Seconds, overdue.total_seconds())

    def runner_missing(self) -> None:
        self._emit("RunnerMissing", MetricUnit.Count, 1)

    def _emit(self, name: str, unit: MetricUnit, value: float, **dimensions: str) -> None:
        with single_metric(name=name, unit=unit, value=value, namespace=NAMESPACE) as metric:
            metric.add_dimension(name="stage", value=self._stage)
            for key, text in dimensions.items():
                metric.add_dimension(name=key, value=text)
