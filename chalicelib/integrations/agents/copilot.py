"""GitHub Copilot CLI: `copilot --output-format json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask, Invocation
from chalicelib.integrations.agents.json_lines import (
    JsonEvent,
    JsonLinesParser,
    describe_call,
    to_text,
    unstarted_servers,
)


class CopilotParser(JsonLinesParser):
    """Ends with a `result` event with an exit code of its own; it reports no tokens."""

    program = "copilot"
    work_events = frozenset({"assistant.turn_start", "tool.execution_start"})

    def __init__(self) -> None:
        super().__init__()
        self._exit_code: int | None = None
        self._error: tuple[str, int | None] | None = None
        self._aborted = False

    def iter_lines(self, event: JsonEvent) -> Iterator[AgentLine]:
        data = event.get("data") or {}
        match event["type"]:
            case "assistant.turn_start":
                self.turns += 1
            case "assistant.message":
                self.model = data.get("model") or self.model
                self.summary = to_text(data.get("content")) or self.summary
                yield AgentLine("text", to_text(data.get("content")))
            case "assistant.reasoning":
                yield AgentLine("thinking", to_text(data.get("content")))
            case "assistant.idle":
                self._aborted = bool(data.get("aborted"))
            case "tool.execution_start":
                yield AgentLine(
                    "tool_use", describe_call(data.get("toolName"), data.get("arguments"))
                )
            case "tool.execution_complete":
                result = data.get("result") or data.get("error") or {}
                yield AgentLine(
                    "tool_result", to_text(result.get("content") or result.get("message"))
                )
            case "session.error":
                self._error = (to_text(data.get("message")), data.get("statusCode"))
                yield AgentLine("error", self._error[0])
            case "session.mcp_servers_loaded":
                yield from unstarted_servers(data.get("servers"))
            case "session.mcp_server_status_changed":
                yield from unstarted_servers([{**data, "name": data.get("serverName")}])
            case "session.info":
                yield AgentLine("system", to_text(data.get("message")))
            case "result" if not self.has_ended:
                self.session_id = event.get("sessionId")
                self._exit_code = event.get("exitCode")

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        if self._exit_code is None:
            return self.result_without_end(exit_code, tail)
        if self._exit_code == 0 and not self._aborted:
            return self.partial_result()
        if self._error is not None:
            message, status = self._error
            return self.partial_result().as_failure(self.error_class_of(message, status), message)
        message = self._describe_end(tail)
        return self.partial_result().as_failure(
            self.error_class_of(message, default=ErrorClass.NO_OUTPUT), message
        )

    def _describe_end(self, tail: str) -> str:
        if self._aborted:
            return "the session was aborted"
        return f"the session ended with {self._exit_code}" + (f": {tail}" if tail else "")


class Copilot:
    """Needs a GitHub token in COPILOT_GITHUB_TOKEN, GH_TOKEN or GITHUB_TOKEN, or a provider."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        argv = ("copilot", "--allow-all-tools", "--output-format", "json", "--no-color")
        return Invocation(
            argv=(*argv, "--model", task.model) if task.model else argv,
            environment={"COPILOT_AUTO_UPDATE": "false"},
        )

    def make_parser(self) -> CopilotParser:
        return CopilotParser()
