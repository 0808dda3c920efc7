"""The agent of a job: starts its program, reads its output, and takes the result from its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from chalicelib.integrations.agents import agent_for
from chalicelib.integrations.agents.base import AgentEnd, Invocation, Parser
from chalicelib.integrations.agents.resets import reset_of
from chalicelib.runner import shell
from chalicelib.runner.control import Control
from chalicelib.runner.errors import Failure, JobError
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order
from chalicelib.runner.place import Place
from chalicelib.runner.text import Lines, last_lines

JSON_LINE_BYTES = 8 * 1024 * 1024
"""An event with a whole file in it must be read whole, or it cannot be read at all."""


@dataclass
class EndGrace:
    """The time that a program has to exit after it has printed its structured end."""

    parser: Parser
    control: Control
    seconds: float
    used_up: bool = False
    _ended_at: float | None = None

    def is_over(self) -> bool:
        """Return whether the program has to be ended now; also where the run's time runs out."""
        if not self.parser.ended:
            self._ended_at = None
            return False
        now = time.monotonic()
        self._ended_at = self._ended_at or now
        self.used_up = now - self._ended_at >= self.seconds or self.control.nearly_over
        return self.used_up


@dataclass(frozen=True)
class Running:
    """One agent at work."""

    order: Order
    place: Place
    control: Control
    log: Log
    interrupted: list[AgentEnd] = field(default_factory=list)
    """The cost of a stopped program up to then, as far as it reported it."""
    _said: list[str] = field(default_factory=list)

    def end(self) -> AgentEnd:
        """Return how the agent ended; raise `Failure` where it cannot begin, or failed."""
        agent = agent_for(self.order.agent_type)
        if agent is None:
            raise Failure("missing_tool", f"this runner has no agent {self.order.agent_type!r}")
        if self.order.agent_type == "command" and not (self.order.task.command or "").strip():
            raise Failure("agent", "the agent type 'command' needs a command")
        environment = self.place.environment(self.order)
        call = agent.invocation(self.order.task, environment)
        parser = agent.parser()
        try:
            code = self._run(call, {**call.environment, **environment}, parser)
        except JobError:
            self.interrupted.append(parser.end(0, ""))
            raise
        return self._judged(
            parser.end(code, last_lines("\n".join(self._said))), parser, environment
        )

    def _run(self, call: Invocation, environment: Mapping[str, str], parser: Parser) -> int:
        for name, content in call.files.items():
            self.place.leave(name, content)
        self._find(call.argv[0], environment["PATH"])
        if call.lacks:
            names = " or ".join(call.lacks)
            raise Failure("credential", f"the agent has no credential: it needs the secret {names}")
        program = shell.Program(
            argv=call.argv,
            cwd=self.place.workspace,
            environment=environment,
            stdin=self.place.prompt,
            confinement=self.place.confinement,
        )
        out, err = self._heard(call, parser)
        limit = self.order.task.max_turns
        grace = EndGrace(parser, self.control, self.order.end_grace.total_seconds())
        code = shell.run(
            program,
            self.control,
            out=out,
            err=err,
            enough=lambda: parser.hopeless is not None or _over(parser, limit) or grace.is_over(),
            alone=True,
        )
        if grace.used_up:
            self.log.add("system", f"{call.argv[0]} had ended its work but did not exit: ended")
        return code

    def _heard(self, call: Invocation, parser: Parser) -> tuple[Lines, Lines | None]:
        """Return what its output and its errors go to."""

        def hear(line: str) -> None:
            for each in parser.feed(line):
                self.log.add(each.type, each.content)

        def complain(line: str) -> None:
            self._said.append(line)
            del self._said[:-50]
            self.log.add("agent", line)

        if call.merged:
            return Lines(hear, self.log.redactor), None
        return Lines(hear, None, JSON_LINE_BYTES), Lines(complain, self.log.redactor)

    def _find(self, name: str, path: str) -> None:
        if name in self.place.unusable:
            reason = self.place.unusable[name]
            raise Failure("missing_tool", f"the agent's program {name!r} cannot be run: {reason}")
        if not self.place.has_program(name, path):
            raise Failure(
                "missing_tool", f"the agent's program {name!r} is not installed on this runner"
            )

    def _judged(self, end: AgentEnd, parser: Parser, environment: Mapping[str, str]) -> AgentEnd:
        limit = self.order.task.max_turns
        if not end.ok and _over(parser, limit):
            end = end.failed("turn_limit", f"{limit} turns")
        redact = self.log.redactor.redact
        summary = redact(end.summary) if end.summary else None
        resets_at = end.resets_at
        if end.error_class == "rate_limit" and resets_at is None:
            now, zone = datetime.now(UTC), zone_of(environment)
            resets_at = reset_of(end.error_message or "", now, zone)
        model = end.model or self.order.task.model
        return replace(end, summary=summary, model=model, resets_at=resets_at)


def _over(parser: Parser, limit: int | None) -> bool:
    return limit is not None and parser.turns > limit


def zone_of(environment: Mapping[str, str]) -> tzinfo:
    """Return the time zone of a program with that environment."""
    name = environment.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as data:
            return ZoneInfo.from_file(data)
    except (OSError, ValueError, KeyError):
        return UTC
