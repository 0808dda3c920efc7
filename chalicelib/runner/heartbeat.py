"""Sends a job's log lines to the API every two seconds, and reads whether to continue."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner.api import RunnerApi
from chalicelib.runner.errors import ApiRejected, ApiUnavailable, AttemptSuperseded, JobFailed
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import JobSpec
from chalicelib.runner.output.log import JobLog

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = timedelta(seconds=2)
MAX_OUTAGE = timedelta(minutes=10)


class Heartbeat:
    """A thread that beats until it is closed."""

    def __init__(self, api: RunnerApi, order: JobSpec, lines: JobLog, control: JobControl) -> None:
        self._api = api
        self._order = order
        self._lines = lines
        self._control = control
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat_on, daemon=True)

    def start_beating(self) -> None:
        self._thread.start()

    def stop_beating(self, patience_left: timedelta = MAX_OUTAGE) -> None:
        """Send what is left, but for one last batch, and stop beating."""
        self._closed.set()
        self._thread.join(timeout=15)
        patience = time.monotonic() + patience_left.total_seconds()
        while len(self._lines.next_batch()) < len(self._lines.next_batch(limit=1 << 40)):
            if not self._send_beat():
                if time.monotonic() > patience:
                    return
                time.sleep(1)

    def wait_until_confirmed(self) -> None:
        """Wait until the API confirms that the job is still wanted, before visible effects."""
        patience = time.monotonic() + MAX_OUTAGE.total_seconds()
        while not self._send_beat():
            self._control.raise_if_ended()
            if time.monotonic() > patience:
                raise JobFailed(
                    ErrorClass.NETWORK, "the API could not be asked whether to continue"
                )
            self._control.stopped.wait(HEARTBEAT_INTERVAL.total_seconds())
        self._control.raise_if_ended()

    def _beat_on(self) -> None:
        while not self._closed.is_set():
            started = time.monotonic()
            while self._send_beat() and self._lines.next_batch():
                if (
                    self._closed.is_set()
                    or time.monotonic() - started > HEARTBEAT_INTERVAL.total_seconds()
                ):
                    break
            left = HEARTBEAT_INTERVAL.total_seconds() - (time.monotonic() - started)
            self._closed.wait(max(left, 0.05))

    def _send_beat(self) -> bool:
        """Send one batch; return whether the API took it."""
        with self._lock:
            batch = self._lines.next_batch()
            body = {
                "runId": self._order.run_id,
                "attempt": self._order.attempt,
                "stage": self._control.stage,
                "stages": self._control.stage_spans,
                "lines": [entry.to_json() for entry in batch],
            }
            try:
                reason = self._api.send_heartbeat(body)
            except AttemptSuperseded:
                self._control.request_stop("dropped")
                self._closed.set()
                return True
            except ApiRejected as error:
                log.error("beat_refused: %s", error, extra={"run": self._order.run_id})
            except ApiUnavailable as error:
                log.warning("api_away: %s", error, extra={"run": self._order.run_id})
                return False
            else:
                if reason is not None:
                    self._control.request_stop(reason)
            self._lines.forget_batch(batch)
            return True
