"""The stages of a job, in their order."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from chalicelib.domain.output import Output
from chalicelib.integrations.agents import agent_for
from chalicelib.integrations.agents.base import Agent, AgentEnd, Parser
from chalicelib.integrations.agents.resets import reset_of
from chalicelib.runner import checkout, publish, shell
from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure
from chalicelib.runner.git import Git
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order, Repo
from chalicelib.runner.place import Place
from chalicelib.runner.text import Lines, last_lines

JSON_LINE_BYTES = 8 * 1024 * 1024
"""An event with a whole file in it must be read whole, or it cannot be read at all."""


@dataclass(kw_only=True)
class Result:
    """What is known so far: filled stage by stage, so that a failure reports what went before."""

    outcome: str = "failed"
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    agent: AgentEnd | None = None
    outputs: list[Output] = field(default_factory=list)


@dataclass(frozen=True)
class Stages:
    """One job on its way."""

    order: Order
    place: Place
    control: Control
    log: Log
    result: Result
    confirm: Callable[[], None]

    def go(self) -> None:
        self.place.prepare(self.order)
        if self.order.repo is None:
            self._agent()
            self.result.outcome = "succeeded"
        else:
            self._repo_task(self.order.repo)

    def _repo_task(self, repo: Repo) -> None:
        git = Git(self.control, self.log, self.place.private, repo.token, self.place.user)
        start = checkout.clone(git, repo, self.place.workspace)
        self.place.give(self.place.workspace)
        self.result.base_sha = start.base_sha
        self._setup(repo)
        end = self._agent()
        self._enter("push")
        work = publish.commit(git, self.place.workspace, start, self.order.title)
        if work is None:
            if end.refused_tools:
                refused = end.failed("refused_tool", ", ".join(end.refused_tools))
                raise Failure("refused_tool", refused.error_message or "")
            self.log.add("system", "the agent changed nothing")
            self.result.outcome = "no_changes"
            return
        self.result.diff_stat = work.diff_stat
        self.confirm()
        publish.push(git, repo, work)
        self.result.branch, self.result.head_sha = repo.push_branch, work.head_sha
        self.log.add("system", f"pushed {work.head_sha[:12]} to {repo.push_branch}")
        self.result.outcome = "succeeded"

    def _enter(self, stage: str) -> None:
        self.control.check()
        self.control.stage = stage

    def _setup(self, repo: Repo) -> None:
        self._enter("setup")
        if (self.place.workspace / ".optio" / "setup.sh").is_file():
            self._setup_command("bash .optio/setup.sh")
        if repo.setup_commands and repo.setup_commands.strip():
            self._setup_command(repo.setup_commands)

    def _setup_command(self, command: str) -> None:
        said: list[str] = []

        def note(line: str) -> None:
            said.append(line)
            del said[:-50]
            self.log.add("setup", line)

        self.log.add("system", f"setup: {command}")
        environment = self.place.environment(self.order)
        argv = ("bash", "-c", command)
        program = shell.Program(
            argv=argv,
            cwd=self.place.workspace,
            environment=environment,
            user=self.place.user,
        )
        code = shell.run(program, self.control, out=Lines(note, self.log.redactor), err=None)
        if code != 0:
            last = last_lines("\n".join(said))
            raise Failure(
                "setup", f"setup command exited {code}: {last}\n(command: {command[:300]})"
            )

    def _agent(self) -> AgentEnd:
        self._enter("agent")
        agent = agent_for(self.order.agent_type)
        if agent is None:
            raise Failure("missing_tool", f"this runner has no agent {self.order.agent_type!r}")
        if self.order.agent_type == "command" and not (self.order.task.command or "").strip():
            raise Failure("agent", "the agent type 'command' needs a command")
        end = self._run_agent(agent)
        self.result.agent = end
        if not end.ok:
            raise Failure(end.error_class or "agent", end.error_message or "the agent failed")
        return end

    def _run_agent(self, agent: Agent) -> AgentEnd:
        environment = self.place.environment(self.order)
        call = agent.invocation(self.order.task, environment)
        environment = {**call.environment, **environment}
        for name, content in call.files.items():
            self.place.leave(name, content)
        self._find(call.argv[0], environment["PATH"])
        if call.lacks:
            names = " or ".join(call.lacks)
            raise Failure("credential", f"the agent has no credential: it needs the secret {names}")
        parser = agent.parser()
        tail: list[str] = []

        def hear(line: str) -> None:
            for each in parser.feed(line):
                self.log.add(each.type, each.content)

        def complain(line: str) -> None:
            tail.append(line)
            del tail[:-50]
            self.log.add("agent", line)

        redactor = self.log.redactor
        out = Lines(hear, redactor) if call.merged else Lines(hear, None, JSON_LINE_BYTES)
        limit = self.order.task.max_turns
        code = shell.run(
            shell.Program(
                argv=call.argv,
                cwd=self.place.workspace,
                environment=environment,
                stdin=self.place.prompt,
                user=self.place.user,
            ),
            self.control,
            out=out,
            err=None if call.merged else Lines(complain, redactor),
            enough=lambda: parser.hopeless is not None or _over(parser, limit),
            alone=True,
        )
        end = self._told(parser.end(code, last_lines("\n".join(tail))))
        if not end.ok and _over(parser, limit):
            return end.failed("agent", f"reached the limit of {limit} turns")
        return end

    def _find(self, name: str, path: str) -> None:
        if name in self.place.unusable:
            reason = self.place.unusable[name]
            raise Failure("missing_tool", f"the agent's program {name!r} cannot be run: {reason}")
        if shutil.which(name, path=path) is None:
            raise Failure(
                "missing_tool", f"the agent's program {name!r} is not installed on this runner"
            )

    def _told(self, end: AgentEnd) -> AgentEnd:
        redact = self.log.redactor.redact
        summary = redact(end.summary) if end.summary else None
        resets_at = end.resets_at
        if end.error_class == "rate_limit" and resets_at is None:
            resets_at = reset_of(end.error_message or "", datetime.now(UTC))
        model = end.model or self.order.task.model
        return replace(end, summary=summary, model=model, resets_at=resets_at)


def _over(parser: Parser, limit: int | None) -> bool:
    return limit is not None and parser.turns > limit
