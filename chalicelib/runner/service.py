"""Asks for jobs and starts a process for each; outlives whatever happens to them."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from chalicelib.runner import directories, place, processes, report, tools, users
from chalicelib.runner.abilities import Abilities, probe_sandbox, trial_place
from chalicelib.runner.api import Api
from chalicelib.runner.beats import PATIENCE
from chalicelib.runner.errors import ApiError, Away
from chalicelib.runner.job import secrets_of
from chalicelib.runner.limits import GIB
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order
from chalicelib.runner.redact import Redactor
from chalicelib.runner.result import Result
from chalicelib.runner.tools import Tools
from chalicelib.runner.users import User

log = logging.getLogger(__name__)

CODE = Path(__file__).resolve().parents[2]
IDLE = (1.0, 3.0)
AWAY = (1.0, 15.0)
SWEEP_SECONDS = 30.0
"""Between two looks of an idle runner for what killed runners left."""
LAST_WORDS = timedelta(minutes=2)


@dataclass
class Service:
    """A runner: some workers, each with one job at a time."""

    api: Api
    name: str
    concurrency: int = 1
    once: bool = False
    disk_bytes: int = 20 * GIB
    sandbox: str = "auto"
    exposed: tuple[str, ...] = ()
    abilities: Abilities = field(default_factory=Abilities)
    tools: Tools = field(default_factory=Tools)
    draining: threading.Event = field(default_factory=threading.Event)
    _jobs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Return when all workers have ended: after `drain`, or with `once` after one job."""
        tempfile.tempdir = str(place.base())
        users.end_stale()
        directories.remove_stale()
        with users.taken() as (user, _):
            self._find_abilities(user)
        for name, reason in self.tools.unusable.items():
            log.warning("program_unusable: %s: %s", name, reason)
        try:
            self._work_all()
        finally:
            self.tools.remove()
            directories.remove_stale()

    def _find_abilities(self, user: User | None) -> None:
        """Try the sandbox and the agents' programs, as a job will use them."""
        self.abilities = probe_sandbox(self.sandbox, self.exposed, user)
        if self.abilities.bubblewrap is None:
            log.warning("no_sandbox: %s", self.abilities.reason)
            self.tools = tools.found(user)
            return
        log.info("sandbox: %s", self.abilities.bubblewrap)

        def refusal(program: str, known: Tools) -> str:
            with trial_place(self.abilities.with_programs(known), user) as there:
                return tools.ask_version(program, known, there.confinement, there.home)

        self.tools = tools.found(user, refusal=refusal)
        self.abilities = self.abilities.with_programs(self.tools)

    def _work_all(self) -> None:
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
        """Claim no more jobs; at the second call, also end the running ones."""
        if not self.draining.is_set():
            log.info("draining: waiting for %d jobs", len(self._jobs))
            self.draining.set()
            return
        log.info("stopping %d jobs", len(self._jobs))
        for process in list(self._jobs.values()):
            with suppress(OSError):
                process.terminate()

    def _work(self) -> None:
        swept = time.monotonic()
        pause, until = IDLE[0], time.monotonic() + PATIENCE.total_seconds()
        while not self.draining.is_set():
            try:
                job = self.api.claim(self.name, self.abilities.to_claim())
            except ApiError as error:
                log.warning("claim_failed: %s", error)
                if self.once and (not isinstance(error, Away) or time.monotonic() > until):
                    return
                self.draining.wait(pause)
                pause = min(pause * 2, AWAY[1])
                continue
            if job is not None:
                self._supervise(job)
                directories.remove_stale()
                pause = IDLE[0]
            if self.once:
                return
            if job is None:
                self.draining.wait(min(pause, IDLE[1]))
                pause = min(pause * 1.5, IDLE[1])
                if time.monotonic() - swept > SWEEP_SECONDS:
                    directories.remove_stale()
                    swept = time.monotonic()

    def _supervise(self, job: dict[str, Any]) -> None:
        """Have the job done by a process of its own; report in its place if that dies."""
        run = str(job.get("runId"))
        api = replace(self.api, token=job.pop("runnerToken", None) or self.api.token)
        log.info("job_claimed: run %s attempt %s", run, job.get("attempt"))
        started = time.monotonic()
        try:
            code = self._run_process(job, api)
            if code != 0:
                log.error("job_died: run %s exit code %d", run, code)
                words = f"signal {-code}" if code < 0 else f"exit code {code}"
                self._report_death(job, api, f"the process of the job died: {words}")
        except Exception as error:
            log.exception("job_failed: run %s", run)
            with suppress(KeyError, TypeError):
                self._report_death(job, api, f"the runner cannot do the job: {error}")
        log.info("job_ended: run %s after %.1f s", run, time.monotonic() - started)

    def _run_process(self, job: dict[str, Any], api: Api) -> int:
        with users.taken() as (user, user_lock):
            root, lock = directories.new_root()
            given = {
                "url": api.url,
                "token": api.token,
                "directory": str(root),
                "user": user.number if user else None,
                "unusable": self.tools.unusable,
                "sandbox": self.abilities.to_job(),
                "diskBytes": self.disk_bytes,
                "job": job,
            }
            locks = (lock,) if user_lock is None else (lock, user_lock)
            process, talk = self._start(locks)
            try:
                with suppress(OSError):
                    if talk.recv(16):
                        talk.sendall(json.dumps(given).encode() + b"\n")
                return process.wait()
            finally:
                with self._lock:
                    self._jobs.pop(process.pid, None)
                    processes.end_descendants(spare=set(self._jobs))
                talk.close()
                if user:
                    user.end_processes()
                directories.remove(root)
                os.close(lock)

    def _start(self, locks: tuple[int, ...]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Start a job's process, in a session of its own: a group's signal is not for it.

        It also holds the locks, so that they last as long as either lives. Its input comes over a
        socket, after it has confirmed that no other process can inspect it.
        """
        ours, its = socket.socketpair()
        with self._lock, its:
            process = subprocess.Popen(
                [sys.executable, "-m", "chalicelib.runner.job"],
                cwd=CODE,
                env={**os.environ, "PATH": self.tools.path()},
                stdin=its.fileno(),
                start_new_session=True,
                pass_fds=locks,
            )
            self._jobs[process.pid] = process
        return process, ours

    def _report_death(self, job: dict[str, Any], api: Api, message: str) -> None:
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
        report.send(api, body, LAST_WORDS)
