"""Any program as an agent: a bash script that reads the prompt and changes the repository."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask, Invocation

SUMMARY_BYTES = 4096


class CommandParser:
    """Every line is output; the exit code is all the structure there is."""

    turns = 0
    has_ended = False
    abort_reason: str | None = None

    def __init__(self) -> None:
        self._tail = ""

    def feed_line(self, line: str) -> list[AgentLine]:
        self._tail = f"{self._tail}{line}\n"[-SUMMARY_BYTES:]
        return [AgentLine("agent", line)]

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        output = self._tail.strip() or tail
        end = AgentResult(ok=True, summary=output or None)
        if exit_code == 0:
            return end
        error_class = ErrorClass.MISSING_TOOL if exit_code == 127 else ErrorClass.AGENT
        last = "\n".join(output.splitlines()[-15:])
        return end.as_failure(error_class, f"the command exited {exit_code}: {last}".rstrip(": "))


class Command:
    """`bash -c` of the blueprint's own command."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        return Invocation(argv=("bash", "-c", task.command or "exit 0"), merged=True)

    def make_parser(self) -> CommandParser:
        return CommandParser()
