"""The stages of a job, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chalicelib.domain.output import Output
from chalicelib.domain.trial import Trial
from chalicelib.integrations.agents.base import AgentEnd
from chalicelib.runner import checkout, limits, push, shell
from chalicelib.runner.agent import Running
from chalicelib.runner.base_branch import find_published
from chalicelib.runner.checkout import Checkout
from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure
from chalicelib.runner.git import Git
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order, Repo, named_secrets
from chalicelib.runner.place import Place
from chalicelib.runner.redact import SHORTEST
from chalicelib.runner.secret_scan import SHORTEST_CHARACTERS, Scanner, scan_snapshot
from chalicelib.runner.setup_files import FILES, too_short
from chalicelib.runner.setup_state import SetupState, record_setup_state
from chalicelib.runner.snapshot import Request, Snapshot, take_snapshot
from chalicelib.runner.text import Lines, last_lines


@dataclass(kw_only=True)
class Result:
    """What is known so far: filled stage by stage, so that a failure reports what went before."""

    outcome: str = "failed"
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    agent: AgentEnd | None = None
    trial: Trial | None = None
    outputs: list[Output] = field(default_factory=list)


@dataclass(frozen=True)
class HandedOn:
    """What setup has handed on to agent and tests: nothing before it ended."""

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
        )
        start = checkout.clone(git, repo, self.place.workspace)
        self.result.base_sha = start.base_sha
        self._setup(repo)
        self._take_setup_files()
        environment = self.place.environment(self.order)
        state = record_setup_state(git, self.place.workspace, start.base_sha, environment)
        end = self._agent()
        tests = (repo.test_command or "").strip()
        self._enter("test" if tests else "push")
        snapshot = self._snapshot(git, repo, start, state)
        if snapshot is None:
            self._nothing(end)
            return
        self.result.diff_stat = snapshot.diff_stat
        if snapshot.refused:
            raise Failure(snapshot.refused.error_class, snapshot.refused.reason)
        if tests:
            self.result.trial = self._tried(tests)
            self._enter("push")
        self.confirm()
        push.push_snapshot(self._with_new_token(git, repo), repo, snapshot)
        self.result.branch, self.result.head_sha = repo.push_branch, snapshot.head
        self.log.add("system", f"pushed {snapshot.head[:12]} to {repo.push_branch}")
        self.result.outcome = "succeeded"

    def _snapshot(
        self, git: Git, repo: Repo, start: Checkout, state: SetupState
    ) -> Snapshot | None:
        """Return the scanned snapshot of the agent's work, its notices in the log."""
        push.end_processes(git)

        def find(commits: frozenset[str]) -> frozenset[str]:
            push.end_processes(git)
            return find_published(self._with_new_token(git, repo), repo, start.base, commits)

        request = Request(
            title=self.order.title,
            continues=start.continues,
            includes_setup=repo.include_setup_changes,
            environment=self.place.environment(self.order),
            find_published=find,
        )
        snapshot = take_snapshot(git, self.place.workspace, state, request)
        push.end_processes(git)
        if snapshot is None:
            return None
        scanner = Scanner([*named_secrets(self.order), *self.handed_on.named_values()])
        snapshot = scan_snapshot(git, snapshot, scanner, repo.push_branch)
        for notice in (*snapshot.notices, *push.list_large_files(git, snapshot)):
            self.log.add("system", notice)
        return snapshot

    def _with_new_token(self, git: Git, repo: Repo) -> Git:
        """Return git with the token of this moment: that of the clone may have ended meanwhile."""
        token = self.renewed() if repo.token else None
        if token is None or token == repo.token:
            return git
        self.log.redactor.learn(token)
        return replace(git, token=token)

    def _enter(self, stage: str) -> None:
        self.control.check()
        self.control.stage = stage

    def _setup(self, repo: Repo) -> None:
        self._enter("setup")
        if (self.place.workspace / ".optio" / "setup.sh").is_file():
            self._setup_command("bash .optio/setup.sh")
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
        """Run the repo's own tests. Whatever they do, the work is pushed: they only judge it."""
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
        end = Running(self._order_with_setup(), self.place, self.control, self.log).end()
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
