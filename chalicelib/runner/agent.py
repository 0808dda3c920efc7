"""The agent of a job: starts its program, reads its output, and takes the result from its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents import agent_for
from chalicelib.integrations.agents.base import AgentParser, AgentResult, Invocation
from chalicelib.integrations.agents.rate_limit_resets import parse_reset_time
from chalicelib.runner.errors import JobError, JobFailed
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import JobSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.text import LineSplitter, last_lines
from chalicelib.runner.sandbox import shell
from chalicelib.runner.sandbox.workspace import JobDirectory

JSON_LINE_BYTES = 8 * 1024 * 1024
"""An event with a whole file in it must be read whole, or it cannot be read at all."""


@dataclass
class EndGrace:
    """The time that a program has to exit after it has printed its structured end."""

    parser: AgentParser
    control: JobControl
    seconds: float
    used_up: bool = False
    _ended_at: float | None = None

    def is_over(self) -> bool:
        """Return whether the program has to be ended now; also where the run's time runs out."""
        if not self.parser.has_ended:
            self._ended_at = None
            return False
        now = time.monotonic()
        self._ended_at = self._ended_at or now
        self.used_up = now - self._ended_at >= self.seconds or self.control.is_nearly_over
        return self.used_up


@dataclass(frozen=True)
class AgentProcess:
    """One agent at work."""

    order: JobSpec
    job_directory: JobDirectory
    control: JobControl
    log: JobLog
    interrupted: list[AgentResult] = field(default_factory=list)
    """The cost of a stopped program up to then, as far as it reported it."""
    _said: list[str] = field(default_factory=list)

    def run_to_end(self) -> AgentResult:
        """Return how the agent ended; raise `JobFailed` where it cannot begin, or failed."""
        agent = agent_for(self.order.agent_type)
        if agent is None:
            raise JobFailed(
                ErrorClass.MISSING_TOOL, f"this runner has no agent {self.order.agent_type!r}"
            )
        if self.order.agent_type == "command" and not (self.order.task.command or "").strip():
            raise JobFailed(ErrorClass.AGENT, "the agent type 'command' needs a command")
        environment = self.job_directory.job_environment(self.order)
        call = agent.build_invocation(self.order.task, environment)
        parser = agent.make_parser()
        try:
            code = self._run_program(call, {**call.environment, **environment}, parser)
        except JobError:
            self.interrupted.append(parser.judge_end(0, ""))
            raise
        return self._judge_end(
            parser.judge_end(code, last_lines("\n".join(self._said))), parser, environment
        )

    def _run_program(
        self, call: Invocation, environment: Mapping[str, str], parser: AgentParser
    ) -> int:
        for name, content in call.files.items():
            self.job_directory.leave_file(name, content)
        self._check_program(call.argv[0], environment["PATH"])
        if call.lacks:
            names = " or ".join(call.lacks)
            raise JobFailed(
                ErrorClass.CREDENTIAL, f"the agent has no credential: it needs the secret {names}"
            )
        program = shell.Program(
            argv=call.argv,
            cwd=self.job_directory.workspace_path,
            environment=environment,
            stdin=self.job_directory.prompt_path,
            confinement=self.job_directory.confinement,
        )
        out, err = self._output_readers(call, parser)
        limit = self.order.task.max_turns
        grace = EndGrace(parser, self.control, self.order.end_grace.total_seconds())
        code = shell.run_program(
            program,
            self.control,
            out=out,
            err=err,
            enough=lambda: (
                parser.abort_reason is not None or _is_over(parser, limit) or grace.is_over()
            ),
            alone=True,
        )
        if grace.used_up:
            self.log.add_line(
                "system", f"{call.argv[0]} had ended its work but did not exit: ended"
            )
        return code

    def _output_readers(
        self, call: Invocation, parser: AgentParser
    ) -> tuple[LineSplitter, LineSplitter | None]:
        """Return what its output and its errors go to."""

        def hear(line: str) -> None:
            for each in parser.feed_line(line):
                self.log.add_line(each.type, each.content)

        def complain(line: str) -> None:
            self._said.append(line)
            del self._said[:-50]
            self.log.add_line("agent", line)

        if call.merged:
            return LineSplitter(hear, self.log.redactor), None
        return LineSplitter(hear, None, JSON_LINE_BYTES), LineSplitter(complain, self.log.redactor)

    def _check_program(self, name: str, path: str) -> None:
        if name in self.job_directory.unusable:
            reason = self.job_directory.unusable[name]
            raise JobFailed(
                ErrorClass.MISSING_TOOL, f"the agent's program {name!r} cannot be run: {reason}"
            )
        if not self.job_directory.has_program(name, path):
            raise JobFailed(
                ErrorClass.MISSING_TOOL,
                f"the agent's program {name!r} is not installed on this runner",
            )

    def _judge_end(
        self, end: AgentResult, parser: AgentParser, environment: Mapping[str, str]
    ) -> AgentResult:
        limit = self.order.task.max_turns
        if not end.ok and _is_over(parser, limit):
            end = end.as_failure(ErrorClass.TURN_LIMIT, f"{limit} turns")
        redact = self.log.redactor.redact_text
        summary = redact(end.summary) if end.summary else None
        resets_at = end.resets_at
        if end.error_class == ErrorClass.RATE_LIMIT and resets_at is None:
            now, zone = datetime.now(UTC), time_zone_of(environment)
            resets_at = parse_reset_time(end.error_message or "", now, zone)
        model = end.model or self.order.task.model
        return replace(end, summary=summary, model=model, resets_at=resets_at)


def _is_over(parser: AgentParser, limit: int | None) -> bool:
    return limit is not None and parser.turns > limit


def time_zone_of(environment: Mapping[str, str]) -> tzinfo:
    """Return the time zone of a program with that environment."""
    name = environment.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as data:
            return ZoneInfo.from_file(data)
    except (OSError, ValueError, KeyError):
        return UTC
