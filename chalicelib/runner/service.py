"""Asks for jobs and starts a process for each; outlives whatever happens to them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.runner import place, processes, report
from chalicelib.runner.api import Api
from chalicelib.runner.beats import PATIENCE
from chalicelib.runner.errors import ApiError, Away
from chalicelib.runner.job import secrets_of
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order
from chalicelib.runner.redact import Redactor
from chalicelib.runner.stages import Result

log = logging.getLogger(__name__)

CODE = Path(__file__).resolve().parents[2]
IDLE = (1.0, 3.0)
AWAY = (1.0, 15.0)
LAST_WORDS = timedelta(minutes=2)


@dataclass
class Service:
    """A runner: some workers, each with one job at a time."""

    api: Api
    name: str
    concurrency: int = 1
    once: bool = False
    draining: threading.Event = field(default_factory=threading.Event)
    _jobs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Return when all workers have ended: after `drain`, or with `once` after one job."""
        place.remove_stale()
        workers = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(1 if self.once else self.concurrency)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(timeout=0.2)

    def drain(self) -> None:
        """Claim no more; asked again, end the running jobs too."""
        if not self.draining.is_set():
            log.info("draining: waiting for %d jobs", len(self._jobs))
            self.draining.set()
            return
        log.info("stopping %d jobs", len(self._jobs))
        for process in list(self._jobs.values()):
            with suppress(OSError):
                process.terminate()

    def _work(self) -> None:
        pause, until = IDLE[0], time.monotonic() + PATIENCE.total_seconds()
        while not self.draining.is_set():
            try:
                job = self.api.claim(self.name)
            except ApiError as error:
                log.warning("claim_failed: %s", error)
                if self.once and (not isinstance(error, Away) or time.monotonic() > until):
                    return
                self.draining.wait(pause)
                pause = min(pause * 2, AWAY[1])
                continue
            if job is not None:
                self._supervise(job)
                pause = IDLE[0]
            if self.once:
                return
            if job is None:
                self.draining.wait(min(pause, IDLE[1]))
                pause = min(pause * 1.5, IDLE[1])

    def _supervise(self, job: dict[str, Any]) -> None:
        """Have the job done by a process of its own; report in its place if that dies."""
        run = str(job.get("runId"))
        log.info("job_claimed: run %s attempt %s", run, job.get("attempt"))
        started = time.monotonic()
        try:
            code = self._run_process(job)
            if code != 0:
                log.error("job_died: run %s exit code %d", run, code)
                words = f"signal {-code}" if code < 0 else f"exit code {code}"
                self._report_death(job, f"the process of the job died: {words}")
        except Exception as error:
            log.exception("job_failed: run %s", run)
            with suppress(KeyError, TypeError):
                self._report_death(job, f"the runner cannot do the job: {error}")
        log.info("job_ended: run %s after %.1f s", run, time.monotonic() - started)

    def _run_process(self, job: dict[str, Any]) -> int:
        root, lock = place.new_root()
        given = {"url": self.api.url, "token": self.api.token, "directory": str(root), "job": job}
        process = self._start()
        try:
            with suppress(OSError):
                assert process.stdin is not None
                process.stdin.write(json.dumps(given).encode() + b"\n")
                process.stdin.flush()
            return process.wait()
        finally:
            with self._lock:
                self._jobs.pop(process.pid, None)
                processes.end_descendants(spare=set(self._jobs))
            with suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            place.remove(root)
            os.close(lock)

    def _start(self) -> subprocess.Popen[bytes]:
        """Start a job's process, in a session of its own: a group's signal is not for it."""
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-m", "chalicelib.runner.job"],
                cwd=CODE,
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            self._jobs[process.pid] = process
        return process

    def _report_death(self, job: dict[str, Any], message: str) -> None:
        order = Order.of(job)
        lines = Log(Redactor(secrets_of(order)))
        body = report.body_of(
            order,
            Result(),
            lines,
            stage="agent",
            error_class="crash",
            message=message,
        )
        report.send(self.api, body, LAST_WORDS)
