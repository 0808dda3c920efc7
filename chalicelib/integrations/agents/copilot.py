"""GitHub Copilot CLI: `copilot --output-format json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chalicelib.integrations.agents.base import AgentEnd, Invocation, Line, Task
from chalicelib.integrations.agents.streams import (
    Event,
    JsonLines,
    call_of,
    text_of,
    unstarted_servers,
)


class CopilotParser(JsonLines):
    """Ends with a `result` event with an exit code of its own; it reports no tokens."""

    program = "copilot"
    work_events = frozenset({"assistant.turn_start", "tool.execution_start"})

    def __init__(self) -> None:
        super().__init__()
        self._exit_code: int | None = None
        self._error: tuple[str, int | None] | None = None
        self._aborted = False

    def lines(self, event: Event) -> Iterator[Line]:
        data = event.get("data") or {}
        match event["type"]:
            case "assistant.turn_start":
                self.turns += 1
            case "assistant.message":
                self.model = data.get("model") or self.model
                self.summary = text_of(data.get("content")) or self.summary
                yield Line("text", text_of(data.get("content")))
            case "assistant.reasoning":
                yield Line("thinking", text_of(data.get("content")))
            case "assistant.idle":
                self._aborted = bool(data.get("aborted"))
            case "tool.execution_start":
                yield Line("tool_use", call_of(data.get("toolName"), data.get("arguments")))
            case "tool.execution_complete":
                result = data.get("result") or data.get("error") or {}
                yield Line("tool_result", text_of(result.get("content") or result.get("message")))
            case "session.error":
                self._error = (text_of(data.get("message")), data.get("statusCode"))
                yield Line("error", self._error[0])
            case "session.mcp_servers_loaded":
                yield from unstarted_servers(data.get("servers"))
            case "session.mcp_server_status_changed":
                yield from unstarted_servers([{**data, "name": data.get("serverName")}])
            case "session.info":
                yield Line("system", text_of(data.get("message")))
            case "result" if not self.ended:
                self.session_id = event.get("sessionId")
                self._exit_code = event.get("exitCode")

    def end(self, exit_code: int, tail: str) -> AgentEnd:
        if self._exit_code is None:
            return self.no_end(exit_code, tail)
        if self._exit_code == 0 and not self._aborted:
            return self.so_far()
        if self._error is not None:
            said, status = self._error
            return self.so_far().failed(self.class_of(said, status), said)
        said = self._describe_end(tail)
        return self.so_far().failed(self.class_of(said, default="no_output"), said)

    def _describe_end(self, tail: str) -> str:
        if self._aborted:
            return "the session was aborted"
        return f"the session ended with {self._exit_code}" + (f": {tail}" if tail else "")


class Copilot:
    """Needs a GitHub token in COPILOT_GITHUB_TOKEN, GH_TOKEN or GITHUB_TOKEN, or a provider."""

    def invocation(self, task: Task, environment: Mapping[str, str]) -> Invocation:
        argv = ("copilot", "--allow-all-tools", "--output-format", "json", "--no-color")
        return Invocation(
            argv=(*argv, "--model", task.model) if task.model else argv,
            environment={"COPILOT_AUTO_UPDATE": "false"},
        )

    def parser(self) -> CopilotParser:
        return CopilotParser()
