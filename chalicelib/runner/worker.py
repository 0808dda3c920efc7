"""Asks for jobs and starts a process for each; outlives whatever happens to them.

A process asks once, however many jobs it may do: each question is a paid request.
"""

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

from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.runs.phase import Phase
from chalicelib.runner import report
from chalicelib.runner.api import RunnerApi
from chalicelib.runner.build_image import agent_installation, toolchains
from chalicelib.runner.claim_pace import IDLE_WAIT_SECONDS, ClaimPace
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
LOOK_SECONDS = 0.2
"""Between two looks for a free place, or for the end of a thread."""
SWEEP_SECONDS = 30.0
"""Between two looks of an idle runner for what killed runners left."""
DEATH_REPORT_PATIENCE = timedelta(minutes=2)


@dataclass
class Runner:
    """A runner: one thread that asks for jobs, and one for each job."""

    api: RunnerApi
    name: str
    concurrency: int = 1
    once: bool = False
    idle_wait_seconds: float = IDLE_WAIT_SECONDS
    disk_bytes: int = 20 * GIB
    sandbox: str = "auto"
    exposed: tuple[str, ...] = ()
    build_agent: str | None = None
    """In a build: the agent type whose program is installed; the image serves this job alone."""
    abilities: RunnerAbilities = field(default_factory=RunnerAbilities)
    tools: AgentTools = field(default_factory=AgentTools)
    draining: threading.Event = field(default_factory=threading.Event)
    _places: threading.Semaphore = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)
    _jobs: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._places = threading.Semaphore(self.concurrency)

    def run_workers(self) -> None:
        """Return when all jobs have ended: after `drain_workers`, or with `once` after one job."""
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
        if self.build_agent is not None:
            toolchains.open_toolchains(os.environ.get("PATH", os.defpath), Path.home())
            agent_installation.install_agent(self.tools, self.build_agent)
        self.abilities = probe_sandbox(self.sandbox, self.exposed, user)
        if self.abilities.bubblewrap is None:
            log.warning("no_sandbox: %s", self.abilities.reason)
            self.tools = agent_programs.find_programs(user, tools=self.tools)
            return
        log.info("sandbox: %s", self.abilities.bubblewrap)

        def refusal(program: str, tools: AgentTools) -> str:
            with probe_workspace(self.abilities.with_programs(tools), user) as job_directory:
                return agent_programs.ask_version(
                    program, tools, job_directory.confinement, job_directory.home_path
                )

        self.tools = agent_programs.find_programs(user, refusal=refusal, tools=self.tools)
        self.abilities = self.abilities.with_programs(self.tools)

    def _work_all(self) -> None:
        claims = self._claim_once if self.once else self._claim_until_drained
        claimer = threading.Thread(target=claims, name="claims", daemon=True)
        claimer.start()
        _await_end(claimer)
        for thread in self._threads:
            _await_end(thread)

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

    def _claim_once(self) -> None:
        """Do one job, if there is one. An API that is away is asked again for some time."""
        pace, until = ClaimPace(), time.monotonic() + MAX_OUTAGE.total_seconds()
        while not self.draining.is_set():
            try:
                job = self.api.claim_job(self.name, self.abilities.to_claim())
            except ApiError as error:
                log.warning("claim_failed: %s", error)
                if not isinstance(error, ApiUnavailable) or time.monotonic() > until:
                    return
                self.draining.wait(pace.wait_after_failure())
                continue
            if job is not None:
                self._supervise_job(job)
            return

    def _claim_until_drained(self) -> None:
        """Ask for a job whenever there is a place for one, and start a thread for each."""
        swept = time.monotonic()
        pace = ClaimPace(self.idle_wait_seconds)
        while not self.draining.is_set():
            if not self._places.acquire(timeout=LOOK_SECONDS):
                pace.note_work()
                continue
            wait = self._claim_into_place(pace)
            if wait and time.monotonic() - swept > SWEEP_SECONDS:
                directories.remove_stale()
                swept = time.monotonic()
            self.draining.wait(wait)

    def _claim_into_place(self, pace: ClaimPace) -> float:
        """Fill a place that was taken, or give it back; return the seconds until the next claim."""
        try:
            job = self.api.claim_job(self.name, self.abilities.to_claim())
        except ApiError as error:
            log.warning("claim_failed: %s", error)
            self._places.release()
            return pace.wait_after_failure()
        if job is not None:
            self._start_worker(job)
            pace.note_job()
            return 0.0
        self._places.release()
        if any(thread.is_alive() for thread in self._threads):
            pace.note_work()
        return pace.wait_for_work()

    def _start_worker(self, job: dict[str, Any]) -> None:
        """Start the thread of a job, which holds its place until the job has ended."""

        def work() -> None:
            try:
                self._supervise_job(job)
                directories.remove_stale()
            finally:
                self._places.release()

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        worker = threading.Thread(target=work, name=f"job-{job.get('runId')}", daemon=True)
        self._threads.append(worker)
        worker.start()

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
                ending = f"signal {-code}" if code < 0 else f"exit code {code}"
                self._report_death(job, api, f"the process of the job died: {ending}")
        except Exception as error:
            log.exception("job_failed: run %s", run)
            with suppress(KeyError, TypeError):
                self._report_death(job, api, f"the runner cannot do the job: {error}")
        log.info("job_ended: run %s after %.1f s", run, time.monotonic() - started)

    def _run_process(self, job: dict[str, Any], api: RunnerApi) -> int:
        with job_users.lease_user() as (user, user_lock):
            root, lock = directories.make_root()
            message = {
                "url": api.url,
                "token": api.token,
                "directory": str(root),
                "user": user.number if user else None,
                "unusable": self.tools.unusable,
                "toolchainVariables": self._toolchain_variables(),
                "sandbox": self.abilities.to_job(),
                "diskBytes": self.disk_bytes,
                "job": job,
            }
            locks = (lock,) if user_lock is None else (lock, user_lock)
            process, talk = self._start_process(locks)
            try:
                with suppress(OSError):
                    if talk.recv(16):
                        talk.sendall(json.dumps(message).encode() + b"\n")
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

    def _toolchain_variables(self) -> dict[str, str]:
        if self.build_agent is None:
            return {}
        return toolchains.toolchain_variables(os.environ, Path.home())

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
            stage=Phase.AGENT,
            error_class=ErrorClass.CRASH,
            message=message,
        )
        report.send_report(api, body, DEATH_REPORT_PATIENCE)


def _await_end(thread: threading.Thread) -> None:
    """Wait for a thread in steps, so that signals are handled."""
    while thread.is_alive():
        thread.join(timeout=LOOK_SECONDS)
