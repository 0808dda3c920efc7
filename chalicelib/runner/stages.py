"""The stages of a job, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chalicelib.domain.trial import Trial
from chalicelib.integrations.agents.base import AgentEnd
from chalicelib.runner import checkout, kept_work, limits, shell
from chalicelib.runner.agent import Running
from chalicelib.runner.checkout import Checkout
from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure, JobError, Stopped
from chalicelib.runner.git import Git
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order, Repo, named_secrets
from chalicelib.runner.place import Place
from chalicelib.runner.redact import SHORTEST
from chalicelib.runner.result import Result
from chalicelib.runner.secret_scan import SHORTEST_CHARACTERS
from chalicelib.runner.setup_files import FILES, too_short
from chalicelib.runner.setup_state import SetupState, record_setup_state
from chalicelib.runner.text import Lines, last_lines
from chalicelib.runner.work_delivery import WorkDelivery


@dataclass(frozen=True)
class HandedOn:
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
class Stages:
    """One job on its way."""

    order: Order
    place: Place
    control: Control
    log: Log
    result: Result
    confirm: Callable[[], None]
    renewed: Callable[[], str | None]
    handed_on: HandedOn = field(default_factory=HandedOn)

    def go(self) -> None:
        limits.check_environment(self.place.environment(self.order))
        self.place.prepare(self.order)
        if self.order.repo is None:
            self._agent()
            self.result.outcome = "succeeded"
        else:
            self._repo_task(self.order.repo)

    def _repo_task(self, repo: Repo) -> None:
        git = Git(
            self.control,
            self.log,
            self.place.private,
            repo.token,
            self.place.confinement,
            plain_http=repo.plain_http,
            identity=repo.identity,
            locate_shared=self.place.locate_shared,
        )
        bundle = kept_work.fetch_bundle(git, repo.work) if repo.work else None
        start = checkout.clone(git, repo, self.place.workspace)
        if repo.work and bundle:
            start = kept_work.begin_at_base(
                git, repo, self.place.workspace, start, repo.work, bundle
            )
        self.result.base_sha = start.base_sha
        self._setup(repo)
        self._take_setup_files()
        environment = self._environment("agent")
        state = record_setup_state(git, self.place.workspace, start.base_sha, environment)
        if repo.work and bundle and start.pushed_stat is None:
            job = git.as_job(environment)
            kept_work.restore_work(job, self.place.workspace, state, bundle, repo.work)
        delivery = self._delivery(git, repo, start, state)
        try:
            self._do_work(repo, delivery)
        except Stopped:
            raise
        except Exception as error:
            crash = Failure("crash", str(error))
            delivery.keep(error if isinstance(error, Failure) else crash)
            raise

    def _delivery(self, git: Git, repo: Repo, start: Checkout, state: SetupState) -> WorkDelivery:
        return WorkDelivery(
            order=self.order,
            place=self.place,
            control=self.control,
            log=self.log,
            result=self.result,
            confirm=self.confirm,
            renewed=self.renewed,
            environment=self._environment("agent"),
            scanned=(*named_secrets(self.order), *self.handed_on.named_values()),
            git=git,
            repo=repo,
            start=start,
            state=state,
        )

    def _do_work(self, repo: Repo, delivery: WorkDelivery) -> None:
        """Have the agent work, test what it made, and push it."""
        is_done = repo.work is not None and repo.work.finished
        end = AgentEnd(ok=True) if is_done else self._agent()
        delivery.finished = True
        tests = (repo.test_command or "").strip()
        self._enter("test" if tests else "push")
        snapshot = delivery.take()
        if snapshot is None and not (is_done and delivery.start.pushed_stat is not None):
            self._nothing(end)
            return
        if snapshot:
            self.result.diff_stat = snapshot.diff_stat
            if snapshot.refused:
                raise Failure(snapshot.refused.error_class, snapshot.refused.reason)
        if tests:
            self.result.trial = self._tried(tests)
            self._enter("push")
        self.confirm()
        if snapshot:
            delivery.push(snapshot)
        else:
            delivery.report_pushed()
        self.result.outcome = "succeeded"

    def _enter(self, stage: str) -> None:
        self.control.check()
        self.control.stage = stage

    def _setup(self, repo: Repo) -> None:
        self._enter("setup")
        if (self.place.workspace / ".optio" / "setup.sh").is_file():
            self._setup_command("bash -e -o pipefail .optio/setup.sh")
        if repo.setup_commands and repo.setup_commands.strip():
            self._setup_command(repo.setup_commands)

    def _take_setup_files(self) -> None:
        """Let agent and tests have what setup handed on; git and the runner have none of it."""
        files = self.place.take_setup_files(self.order)
        self.log.redactor.learn(*files.masked)
        if short := too_short(files.masked):
            words = f"{short} values in $OPTIO_MASK are shorter than {SHORTEST} characters"
            self.log.add("system", f"{words}, so they are not redacted")
        self.handed_on.variables.update(files.variables)
        self.handed_on.path_entries[:] = files.path_entries
        self.handed_on.masked[:] = files.masked
        limits.check_environment(self._environment("test"))

    def _order_with_setup(self) -> Order:
        return replace(
            self.order,
            environment={**self.order.environment, **self.handed_on.variables},
            path_entries=tuple(self.handed_on.path_entries),
        )

    def _environment(self, kind: str) -> dict[str, str]:
        environment = self.place.environment(self._order_with_setup())
        if kind != "setup":
            return environment
        paths = {name: str(self.place.setup_files / file) for name, file in FILES.items()}
        return {**environment, **paths}

    def _setup_command(self, command: str) -> None:
        code, last = self._script("setup", command)
        if code != 0:
            raise Failure(
                "setup", f"setup command exited {code}: {last}\n(command: {command[:300]})"
            )

    def _tried(self, command: str) -> Trial:
        """Run the repo's own tests. The work is pushed in any case: they only judge it."""
        code, last = self._script("test", command, enough=lambda: self.control.nearly_over)
        late = self.control.nearly_over
        if late:
            last = f"{last}\nthe tests did not end in the time of the run".strip()
        trial = Trial(
            passed=code == 0 and not late, exit_status=None if late else code, last_lines=last
        )
        self.log.add("system", f"tests {trial.words}")
        return trial

    def _script(
        self, kind: str, command: str, enough: Callable[[], bool] | None = None
    ) -> tuple[int, str]:
        """Return exit status and last lines of a script; one that may be enough is left alone."""
        said: list[str] = []

        def note(line: str) -> None:
            said.append(line)
            del said[:-50]
            self.log.add(kind, line)

        self.log.add("system", f"{kind}: {command}")
        program = shell.Program(
            argv=("bash", "-e", "-o", "pipefail", "-c", command),
            cwd=self.place.workspace,
            environment=self._environment(kind),
            confinement=self.place.confinement,
        )
        code = shell.run(
            program,
            self.control,
            out=Lines(note, self.log.redactor),
            err=None,
            enough=enough or (lambda: False),
            alone=enough is not None,
        )
        return code, last_lines("\n".join(said))

    def _agent(self) -> AgentEnd:
        self._enter("agent")
        running = Running(self._order_with_setup(), self.place, self.control, self.log)
        try:
            end = running.end()
        except JobError:
            self.result.agent = next(iter(running.interrupted), None)
            raise
        self.result.agent = end
        if not end.ok:
            raise Failure(end.error_class or "agent", end.error_message or "the agent failed")
        return end

    def _nothing(self, end: AgentEnd) -> None:
        if end.refused_tools:
            refused = end.failed("refused_tool", ", ".join(end.refused_tools))
            raise Failure("refused_tool", refused.error_message or "")
        self.log.add("system", "the agent changed nothing")
        self.result.outcome = "no_changes"
