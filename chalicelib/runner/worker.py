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

from chalicelib.runner import report
from chalicelib.runner.api import RunnerApi
from chalicelib.runner.errors import ApiError, ApiUnavailable
from chalicelib.runner.heartbeat import MAX_OUTAGE
from chalicelib.runner.job import secret_values
from chalicelib.runner.job_spec import JobSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.sandbox import agent_programs, directories, job_users, processes, workspace
from chalicelib.runner.sandbox.agent_programs import AgentTools
from chalicelib.runner.sandbox.capabilities import RunnerAbilities, probe_sandbox, probe_workspace
from chalicelib.runner.sandbox.job_users import JobUser
from chalicelib.runner.sandbox.limits import GIB
from chalicelib.runner.work.result import JobResult

log = logging.getLogger(__name__)

CODE_DIRECTORY = Path(__file__).resolve().parents[2]
IDLE_WAIT_SECONDS = (1.0, 3.0)
OUTAGE_WAIT_SECONDS = (1.0, 15.0)
SWEEP_SECONDS = 30.0
"""Between two looks of an idle runner for what killed runners left."""
DEATH_REPORT_PATIENCE = timedelta(minutes=2)


@dataclass
class Runner:
    """A runner: some workers, each with one job at a time."""

    api: RunnerApi
    name: str
    concurrency: int = 1
    once: bool = False
    disk_bytes: int = 20 * GIB
    sandbox: str = "auto"
    exposed: tuple[str, ...] = ()
    abilities: RunnerAbilities = field(default_factory=RunnerAbilities)
    tools: AgentTools = field(default_factory=AgentTools)
    draining: threading.Event = field(default_factory=threading.Event)
    _jobs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run_workers(self) -> None:
        """Return when all workers have ended: after `drain_workers`, or with
        `once` after one job.
        """
        tempfile.tempdir = str(workspace.base_directory())
        job_users.end_stale()
        directories.remove_stale()
        with job_users.lease_user() as (user, _):
            self._find_abilities(user)
        for name, reason in self.tools.unusable.items():
            log.warning("program_unusable: %s: %s", name, reason)
        try:
            self._work_all()
        finally:
            self.tools.remove_copies()
            directories.remove_stale()

    def _find_abilities(self, user: JobUser | None) -> None:
        """Try the sandbox and the agents' programs, as a job will use them."""
        self.abilities = probe_sandbox(self.sandbox, self.exposed, user)
        if self.abilities.bubblewrap is None:
            log.warning("no_sandbox: %s", self.abilities.reason)
            self.tools = agent_programs.find_programs(user)
            return
        log.info("sandbox: %s", self.abilities.bubblewrap)

        def refusal(program: str, known: AgentTools) -> str:
            with probe_workspace(self.abilities.with_programs(known), user) as there:
                return agent_programs.ask_version(
                    program, known, there.confinement, there.home_path
                )

        self.tools = agent_programs.find_programs(user, refusal=refusal)
        self.abilities = self.abilities.with_programs(self.tools)

    def _work_all(self) -> None:
        workers = [
            threading.Thread(target=self._work_until_drained, name=f"worker-{number}", daemon=True)
            for number in range(1 if self.once else self.concurrency)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            while worker.is_alive():
                worker.join(timeout=0.2)

    def drain_workers(self) -> None:
        """Claim no more jobs; at the second call, also end the running ones."""
        if not self.draining.is_set():
            log.info("draining: waiting for %d jobs", len(self._jobs))
            self.draining.set()
            return
        log.info("stopping %d jobs", len(self._jobs))
        for process in list(self._jobs.values()):
            with suppress(OSError):
                process.terminate()

    def _work_until_drained(self) -> None:
        swept = time.monotonic()
        pause, until = IDLE_WAIT_SECONDS[0], time.monotonic() + MAX_OUTAGE.total_seconds()
        while not self.draining.is_set():
            try:
                job = self.api.claim_job(self.name, self.abilities.to_claim())
            except ApiError as error:
                log.warning("claim_failed: %s", error)
                if self.once and (
                    not isinstance(error, ApiUnavailable) or time.monotonic() > until
                ):
                    return
                self.draining.wait(pause)
                pause = min(pause * 2, OUTAGE_WAIT_SECONDS[1])
                continue
            if job is not None:
                self._supervise_job(job)
                directories.remove_stale()
                pause = IDLE_WAIT_SECONDS[0]
            if self.once:
                return
            if job is None:
                self.draining.wait(min(pause, IDLE_WAIT_SECONDS[1]))
                pause = min(pause * 1.5, IDLE_WAIT_SECONDS[1])
                if time.monotonic() - swept > SWEEP_SECONDS:
                    directories.remove_stale()
                    swept = time.monotonic()

    def _supervise_job(self, job: dict[str, Any]) -> None:
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

    def _run_process(self, job: dict[str, Any], api: RunnerApi) -> int:
        with job_users.lease_user() as (user, user_lock):
            root, lock = directories.make_root()
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
            process, talk = self._start_process(locks)
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
                directories.remove_directory(root)
                os.close(lock)

    def _start_process(
        self, locks: tuple[int, ...]
    ) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Start a job's process, in a session of its own: a group's signal is not for it.

        It also holds the locks, so that they last as long as either lives. Its input comes over a
        socket, after it has confirmed that no other process can inspect it.
        """
        ours, its = socket.socketpair()
        with self._lock, its:
            process = subprocess.Popen(
                [sys.executable, "-m", "chalicelib.runner.job"],
                cwd=CODE_DIRECTORY,
                env={**os.environ, "PATH": self.tools.search_path()},
                stdin=its.fileno(),
                start_new_session=True,
                pass_fds=locks,
            )
            self._jobs[process.pid] = process
        return process, ours

    def _report_death(self, job: dict[str, Any], api: RunnerApi, message: str) -> None:
        order = JobSpec.from_json(job)
        lines = JobLog(Redactor(secret_values(order)))
        body = report.report_body(
            order,
            JobResult(),
            lines,
            stage="agent",
            error_class="crash",
            message=message,
        )
        report.send_report(api, body, DEATH_REPORT_PATIENCE)
