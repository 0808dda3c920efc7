"""Sends a job's log lines to the API every two seconds, and reads whether to continue."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from chalicelib.runner.api import Api
from chalicelib.runner.control import Control
from chalicelib.runner.errors import Away, Failure, Refused, Superseded
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=2)
PATIENCE = timedelta(minutes=10)


class Beats:
    """A thread that beats until it is closed."""

    def __init__(self, api: Api, order: Order, lines: Log, control: Control) -> None:
        self._api = api
        self._order = order
        self._lines = lines
        self._control = control
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat_on, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, patience_left: timedelta = PATIENCE) -> None:
        """Send what is left, but for one last batch, and stop beating."""
        self._closed.set()
        self._thread.join(timeout=15)
        patience = time.monotonic() + patience_left.total_seconds()
        while len(self._lines.batch()) < len(self._lines.batch(limit=1 << 40)):
            if not self._beat():
                if time.monotonic() > patience:
                    return
                time.sleep(1)

    def confirm(self) -> None:
        """Wait until the API confirms that the job is still wanted, before visible effects."""
        patience = time.monotonic() + PATIENCE.total_seconds()
        while not self._beat():
            self._control.check()
            if time.monotonic() > patience:
                raise Failure("network", "the API could not be asked whether to continue")
            self._control.stopped.wait(EVERY.total_seconds())
        self._control.check()

    def _beat_on(self) -> None:
        while not self._closed.is_set():
            started = time.monotonic()
            while self._beat() and self._lines.batch():
                if self._closed.is_set() or time.monotonic() - started > EVERY.total_seconds():
                    break
            left = EVERY.total_seconds() - (time.monotonic() - started)
            self._closed.wait(max(left, 0.05))

    def _beat(self) -> bool:
        """Send one batch; return whether the API took it."""
        with self._lock:
            batch = self._lines.batch()
            body = {
                "runId": self._order.run_id,
                "attempt": self._order.attempt,
                "stage": self._control.stage,
                "stages": self._control.stages,
                "lines": [entry.json() for entry in batch],
            }
            try:
                reason = self._api.beat(body)
            except Superseded:
                self._control.stop("dropped")
                self._closed.set()
                return True
            except Refused as error:
                log.error("beat_refused: %s", error, extra={"run": self._order.run_id})
            except Away as error:
                log.warning("api_away: %s", error, extra={"run": self._order.run_id})
                return False
            else:
                if reason is not None:
                    self._control.stop(reason)
            self._lines.forget(batch)
            return True
