"""The stages of a job, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.runs.attempt import AttemptOutcome
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.integrations.agents.base import AgentResult
from chalicelib.runner.agent import AgentProcess
from chalicelib.runner.errors import JobError, JobFailed, JobStopped
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import JobSpec, RepoSpec, named_secrets
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import MIN_FORM_LENGTH
from chalicelib.runner.output.text import LineSplitter, last_lines
from chalicelib.runner.repository import checkout
from chalicelib.runner.repository.checkout import Checkout
from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.setup_state import SetupState, record_setup_state
from chalicelib.runner.sandbox import limits, shell
from chalicelib.runner.sandbox.setup_files import VARIABLE_FILES, count_too_short
from chalicelib.runner.sandbox.workspace import JobDirectory
from chalicelib.runner.work import kept_work
from chalicelib.runner.work.delivery import WorkDelivery
from chalicelib.runner.work.result import JobResult
from chalicelib.runner.work.secret_scan import SHORTEST_CHARACTERS


@dataclass(frozen=True)
class SetupValues:
    """Values that setup has handed on to agent and tests: nothing before it ended."""

    variables: dict[str, str] = field(default_factory=dict, repr=False)
    path_entries: list[str] = field(default_factory=list)
    masked: list[str] = field(default_factory=list, repr=False)

    def named_values(self) -> list[tuple[str, str]]:
        """Return every value that no commit may carry, with the name by which people know it."""
        variables = [
            (f"{name} of $OPTIO_ENV", value)
            for name, value in self.variables.items()
            if len(value.strip()) >= SHORTEST_CHARACTERS  # a short one is a setting, no secret
        ]
        return [*variables, *(("of $OPTIO_MASK", value) for value in self.masked)]


@dataclass(frozen=True)
class JobStages:
    """One job on its way."""

    order: JobSpec
    job_directory: JobDirectory
    control: JobControl
    log: JobLog
    result: JobResult
    confirm: Callable[[], None]
    renewed: Callable[[], str | None]
    handed_on: SetupValues = field(default_factory=SetupValues)

    def run_all(self) -> None:
        limits.check_environment(self.job_directory.job_environment(self.order))
        self.job_directory.prepare_job(self.order)
        if self.order.repo is None:
            self._run_agent()
            self.result.outcome = AttemptOutcome.SUCCEEDED
        else:
            self._run_repo_task(self.order.repo)

    def _run_repo_task(self, repo: RepoSpec) -> None:
        git = Git(
            self.control,
            self.log,
            self.job_directory.make_private,
            repo.token,
            self.job_directory.confinement,
            plain_http=repo.plain_http,
            identity=repo.identity,
            locate_shared=self.job_directory.locate_shared,
        )
        bundle = kept_work.fetch_bundle(git, repo.work) if repo.work else None
        start = checkout.clone_repo(git, repo, self.job_directory.workspace_path)
        if repo.work and bundle:
            start = kept_work.begin_at_base(
                git, repo, self.job_directory.workspace_path, start, repo.work, bundle
            )
        self.result.base_sha = start.base_sha
        self._run_setup(repo)
        self._take_setup_files()
        environment = self._job_environment("agent")
        state = record_setup_state(
            git, self.job_directory.workspace_path, start.base_sha, environment
        )
        if repo.work and bundle and start.pushed_stat is None:
            job = git.as_job(environment)
            kept_work.restore_work(job, self.job_directory.workspace_path, state, bundle, repo.work)
        delivery = self._make_delivery(git, repo, start, state)
        try:
            self._do_work(repo, delivery)
        except JobStopped:
            raise
        except Exception as error:
            crash = JobFailed(ErrorClass.CRASH, str(error))
            delivery.keep_work(error if isinstance(error, JobFailed) else crash)
            raise

    def _make_delivery(
        self, git: Git, repo: RepoSpec, start: Checkout, state: SetupState
    ) -> WorkDelivery:
        return WorkDelivery(
            order=self.order,
            job_directory=self.job_directory,
            control=self.control,
            log=self.log,
            result=self.result,
            confirm=self.confirm,
            renewed=self.renewed,
            environment=self._job_environment("agent"),
            scanned=(*named_secrets(self.order), *self.handed_on.named_values()),
            git=git,
            repo=repo,
            start=start,
            state=state,
        )

    def _do_work(self, repo: RepoSpec, delivery: WorkDelivery) -> None:
        """Have the agent work, test what it made, and push it."""
        is_done = repo.work is not None and repo.work.finished
        end = AgentResult(ok=True) if is_done else self._run_agent()
        delivery.finished = True
        tests = (repo.test_command or "").strip()
        self._enter_stage(Phase.TEST if tests else Phase.PUSH)
        snapshot = delivery.take_snapshot()
        if snapshot is None and not (is_done and delivery.start.pushed_stat is not None):
            self._check_changed(end)
            return
        if snapshot:
            self.result.diff_stat = snapshot.diff_stat
            if snapshot.refused:
                raise JobFailed(snapshot.refused.error_class, snapshot.refused.reason)
        if tests:
            self.result.test_run = self._run_tests(tests)
            self._enter_stage(Phase.PUSH)
        self.confirm()
        if snapshot:
            delivery.push_snapshot(snapshot)
        else:
            delivery.report_pushed()
        self.result.outcome = AttemptOutcome.SUCCEEDED

    def _enter_stage(self, stage: Phase) -> None:
        self.control.raise_if_ended()
        self.control.stage = stage

    def _run_setup(self, repo: RepoSpec) -> None:
        self._enter_stage(Phase.SETUP)
        if (self.job_directory.workspace_path / ".optio" / "setup.sh").is_file():
            self._run_setup_command("bash -e -o pipefail .optio/setup.sh")
        if repo.setup_commands and repo.setup_commands.strip():
            self._run_setup_command(repo.setup_commands)

    def _take_setup_files(self) -> None:
        """Let agent and tests have what setup handed on; git and the runner have none of it."""
        files = self.job_directory.take_setup_files(self.order)
        self.log.redactor.add_secrets(*files.masked)
        if short := count_too_short(files.masked):
            sentence = (
                f"{short} values in $OPTIO_MASK are shorter than {MIN_FORM_LENGTH} characters"
            )
            self.log.add_line("system", f"{sentence}, so they are not redacted")
        self.handed_on.variables.update(files.variables)
        self.handed_on.path_entries[:] = files.path_entries
        self.handed_on.masked[:] = files.masked
        limits.check_environment(self._job_environment("test"))

    def _order_with_setup(self) -> JobSpec:
        return replace(
            self.order,
            environment={**self.order.environment, **self.handed_on.variables},
            path_entries=tuple(self.handed_on.path_entries),
        )

    def _job_environment(self, kind: str) -> dict[str, str]:
        environment = self.job_directory.job_environment(self._order_with_setup())
        if kind != "setup":
            return environment
        paths = {
            name: str(self.job_directory.setup_files / file)
            for name, file in VARIABLE_FILES.items()
        }
        return {**environment, **paths}

    def _run_setup_command(self, command: str) -> None:
        code, last = self._run_script("setup", command)
        if code != 0:
            raise JobFailed(
                ErrorClass.SETUP, f"setup command exited {code}: {last}\n(command: {command[:300]})"
            )

    def _run_tests(self, command: str) -> RepoTestRun:
        """Run the repo's own tests. The work is pushed in any case: they only judge it."""
        code, last = self._run_script("test", command, enough=lambda: self.control.is_nearly_over)
        timed_out = self.control.is_nearly_over
        if timed_out:
            last = f"{last}\nthe tests did not end in the time of the run".strip()
        test_run = RepoTestRun(
            passed=code == 0 and not timed_out,
            exit_status=None if timed_out else code,
            last_lines=last,
        )
        self.log.add_line("system", f"tests {test_run.result_text}")
        return test_run

    def _run_script(
        self, kind: str, command: str, enough: Callable[[], bool] | None = None
    ) -> tuple[int, str]:
        """Return exit status and last lines of a script; one that may be enough is left alone."""
        output_lines: list[str] = []

        def note(line: str) -> None:
            output_lines.append(line)
            del output_lines[:-50]
            self.log.add_line(kind, line)

        self.log.add_line("system", f"{kind}: {command}")
        program = shell.Program(
            argv=("bash", "-e", "-o", "pipefail", "-c", command),
            cwd=self.job_directory.workspace_path,
            environment=self._job_environment(kind),
            confinement=self.job_directory.confinement,
        )
        code = shell.run_program(
            program,
            self.control,
            out=LineSplitter(note, self.log.redactor),
            err=None,
            enough=enough or (lambda: False),
            alone=enough is not None,
        )
        return code, last_lines("\n".join(output_lines))

    def _run_agent(self) -> AgentResult:
        self._enter_stage(Phase.AGENT)
        running = AgentProcess(self._order_with_setup(), self.job_directory, self.control, self.log)
        try:
            end = running.run_to_end()
        except JobError:
            self.result.agent = next(iter(running.interrupted), None)
            raise
        self.result.agent = end
        if not end.ok:
            raise JobFailed(
                end.error_class or ErrorClass.AGENT, end.error_message or "the agent failed"
            )
        return end

    def _check_changed(self, end: AgentResult) -> None:
        if end.refused_tools:
            refused = end.as_failure(ErrorClass.REFUSED_TOOL, ", ".join(end.refused_tools))
            raise JobFailed(ErrorClass.REFUSED_TOOL, refused.error_message or "")
        self.log.add_line("system", "the agent changed nothing")
        self.result.outcome = AttemptOutcome.NO_CHANGES
