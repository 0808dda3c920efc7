"""Reasons for a job to end early: its limits, and requests to stop."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.runs.phase import Phase
from chalicelib.runner.errors import JobFailed, JobStopped

PUSH_RESERVE = timedelta(minutes=1)
OVER_TIME_REASON = "over time"
"""The API's reason to stop where a runner does not keep to the time limit by itself."""


class JobControl:
    """The stage of a job, its time limit, and whether a stop is requested."""

    def __init__(self, timeout: timedelta) -> None:
        self._spans: list[dict[str, str | None]] = []
        self.stage = Phase.CLONE
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout.total_seconds()
        self._reason: str | None = None
        self._failure: JobFailed | None = None
        self._keeps_work = False
        self.stopped = threading.Event()

    @property
    def stage(self) -> Phase:
        """The stage that the job is in."""
        return self._stage

    @stage.setter
    def stage(self, stage: Phase) -> None:
        self.end_stage()
        self._stage = stage
        span = {"stage": stage, "startedAt": datetime.now(UTC).isoformat(), "endedAt": None}
        self._spans = [*self._spans, span]

    def end_stage(self) -> None:
        """Note the end of the current stage; a stage that follows does it by itself."""
        if self._spans and self._spans[-1]["endedAt"] is None:
            ended = {**self._spans[-1], "endedAt": datetime.now(UTC).isoformat()}
            self._spans = [*self._spans[:-1], ended]

    @property
    def stage_spans(self) -> list[dict[str, str | None]]:
        """Every stage so far with its begin and end, as the API takes them."""
        return self._spans

    def begin_keeping(self, patience: timedelta) -> None:
        """Give a job that has failed some time to keep its work; a cancel still ends it."""
        self._keeps_work = True
        self._timeout = patience
        self._deadline = time.monotonic() + patience.total_seconds()
        self._failure = None
        if self._reason == OVER_TIME_REASON:
            self._reason = None
        if self._reason is None:
            self.stopped.clear()

    def request_stop(self, reason: str) -> None:
        if self._keeps_work and reason == OVER_TIME_REASON:
            return
        if self._reason is None:
            self._reason = reason
        self.stopped.set()

    def fail_job(self, failure: JobFailed) -> None:
        """End the job as failed, whatever it does now; one that keeps its work has failed."""
        if self._keeps_work:
            return
        self._failure = self._failure or failure
        self.stopped.set()

    @property
    def stop_requested(self) -> bool:
        """Whether its end is requested, so that its results are no longer needed."""
        return self._reason is not None and self._reason != OVER_TIME_REASON

    @property
    def is_nearly_over(self) -> bool:
        """Whether what is left of its time is what the push needs."""
        reserve = min(PUSH_RESERVE.total_seconds(), self._timeout.total_seconds() / 10)
        return time.monotonic() > self._deadline - reserve

    @property
    def seconds_left(self) -> float:
        """The time that the job still has."""
        return max(self._deadline - time.monotonic(), 0.0)

    def raise_if_ended(self) -> None:
        """Raise when the job must end."""
        if self._reason == OVER_TIME_REASON or time.monotonic() > self._deadline:
            raise JobFailed(
                ErrorClass.TIMEOUT, f"timed out after {self._describe_limit()} in {self.stage}"
            )
        if self._failure is not None:
            raise self._failure
        if self._reason is not None:
            raise JobStopped(self._reason)

    def _describe_limit(self) -> str:
        minutes = self._timeout.total_seconds() / 60
        return f"{minutes:g} minute{'' if minutes == 1 else 's'}"
