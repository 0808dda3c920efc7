"""The way of an agent's work out of its workspace: to the run's branch, or among its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from chalicelib.domain.error_class import LIMIT_CLASSES, ErrorClass
from chalicelib.runner.errors import JobError, JobFailed, Overrun
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import JobSpec, RepoSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.repository.base_branch import find_published
from chalicelib.runner.repository.checkout import Checkout
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import PATIENCE_SECONDS
from chalicelib.runner.repository.setup_state import SetupState
from chalicelib.runner.sandbox.workspace import JobDirectory
from chalicelib.runner.work import kept_work, push
from chalicelib.runner.work.result import JobResult
from chalicelib.runner.work.secret_scan import SecretScanner, scan_snapshot
from chalicelib.runner.work.snapshot import Snapshot, SnapshotRequest
from chalicelib.runner.work.take_snapshot import take_snapshot

PUSH_WAITS_SECONDS = (5, 20, 60)
KEEP_TIME = timedelta(seconds=90)
"""The time for keeping the work of a job that failed, beyond its own."""
READING_SECONDS = 60.0
"""The part of it in which all files have to be read."""


@dataclass(kw_only=True)
class WorkDelivery:
    """The work of one agent in one repository, from setup to its push."""

    order: JobSpec
    job_directory: JobDirectory
    control: JobControl
    log: JobLog
    result: JobResult
    confirm: Callable[[], None]
    renewed: Callable[[], str | None]
    scanned: tuple[tuple[str, str], ...] = field(repr=False)
    """Values that no commit may carry, with their names."""
    environment: Mapping[str, str] = field(repr=False)
    """Variables of the agent, which the repository's filters see as well."""
    git: Git
    repo: RepoSpec
    start: Checkout
    state: SetupState
    finished: bool = False
    """Whether the agent has ended well."""
    snapshot: Snapshot | None = None
    is_taken: bool = False

    def take_snapshot(
        self, seconds: float = PATIENCE_SECONDS, *, reads_files: bool = True
    ) -> Snapshot | None:
        """Return the scanned snapshot of the work so far, its notices in the log."""
        push.end_processes(self.git)
        request = SnapshotRequest(
            title=self.order.title,
            reads_files=reads_files,
            seconds=min(seconds, self.control.seconds_left),
            continues=self.start.continues,
            includes_setup=self.repo.include_setup_changes,
            environment=self.environment,
            find_published=self._find_published,
        )
        snapshot = take_snapshot(self.git, self.job_directory.workspace_path, self.state, request)
        push.end_processes(self.git)
        if snapshot is not None:
            scanner = SecretScanner(self.scanned)
            snapshot = scan_snapshot(self.git, snapshot, scanner, self.repo.push_branch)
            for notice in (*snapshot.notices, *push.list_large_files(self.git, snapshot)):
                self.log.add_line("system", notice)
        self.snapshot, self.is_taken = snapshot, True
        return snapshot

    def push_snapshot(self, snapshot: Snapshot) -> None:
        """Push; what does not get through is tried again, for an agent's work costs more."""
        for wait in (*PUSH_WAITS_SECONDS, None):
            try:
                push.push_snapshot(self._with_new_token(), self.repo, snapshot)
            except JobFailed as failure:
                is_temporary = failure.error_class == ErrorClass.NETWORK
                if not is_temporary or wait is None or self.control.is_nearly_over:
                    raise
                self.log.add_line("system", f"{failure.message}\ntrying the push again in {wait} s")
                self.control.stopped.wait(wait)
                self.control.raise_if_ended()
            else:
                break
        self.result.branch, self.result.head_sha = self.repo.push_branch, snapshot.head
        self.log.add_line("system", f"pushed {snapshot.head[:12]} to {self.repo.push_branch}")

    def report_pushed(self) -> None:
        """Report the branch that had the work of an earlier attempt when this one began."""
        self.result.branch, self.result.head_sha = self.repo.push_branch, self.start.base_sha
        self.result.diff_stat = self.start.pushed_stat or None
        self.log.add_line(
            "system", f"{self.repo.push_branch} has the work: nothing is left to push"
        )

    def keep_work(self, failure: JobFailed) -> None:
        """Keep the work of a job that failed: on its branch, or packed for the run's files."""
        if self.control.stop_requested:
            return
        self.control.begin_keeping(KEEP_TIME)
        try:
            snapshot = self.snapshot if self.is_taken else self._take_in_time()
            if snapshot is not None and not self._push_partial(snapshot, failure):
                self._pack_work(snapshot)
        except (JobError, OSError, ValueError) as error:
            self.log.add_line("error", f"the work could not be kept: {error}")

    def _take_in_time(self) -> Snapshot | None:
        """Return the work so far; its commits alone where the files keep git waiting."""
        try:
            return self.take_snapshot(READING_SECONDS)
        except Overrun as overrun:
            self.log.add_line("system", f"{overrun.message}: the agent's commits are kept")
            return self.take_snapshot(reads_files=False)

    def _push_partial(self, snapshot: Snapshot, failure: JobFailed) -> bool:
        """Push the work of a run that reached a limit; return whether it is on its branch now."""
        is_limit = failure.error_class in LIMIT_CLASSES
        if not is_limit or not self.repo.push_partial or snapshot.refused:
            return False
        try:
            self.confirm()
            self.push_snapshot(snapshot)
        except JobFailed as refusal:
            self.log.add_line("system", f"the work so far cannot be pushed: {refusal.message}")
            self.control.begin_keeping(KEEP_TIME)  # a push that is tried again uses all of it
            return False
        self.result.diff_stat = snapshot.diff_stat
        failure.message += f"; the work so far is on {self.repo.push_branch}"
        return True

    def _pack_work(self, snapshot: Snapshot) -> None:
        redactors = (self.log.redactor, Redactor([value for _, value in self.scanned]))
        packed_work = kept_work.pack_work(self.git, snapshot, redactors, finished=self.finished)
        self.result.packed_work = packed_work
        for notice in packed_work.notices:
            self.log.add_line("system", notice)

    def _find_published(self, commits: frozenset[str]) -> frozenset[str]:
        push.end_processes(self.git)
        return find_published(self._with_new_token(), self.repo, self.start.base, commits)

    def _with_new_token(self) -> Git:
        """Return git with the token of this moment: that of the clone may have expired."""
        token = self.renewed() if self.repo.token else None
        if token is None or token == self.repo.token:
            return self.git
        self.log.redactor.add_secrets(token)
        return replace(self.git, token=token)
