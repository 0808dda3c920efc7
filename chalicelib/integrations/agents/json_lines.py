"""Shared base of the agents that print JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents.base import AgentLine, AgentResult
from chalicelib.integrations.agents.sentences import classify_error

JsonEvent = dict[str, Any]


class JsonLinesParser:
    """Reads events; any other line is kept as plain output of the agent."""

    program = ""
    work_events: frozenset[str] = frozenset()
    """The types of events that show a program at work, so that an earlier end was not the last."""

    def __init__(self) -> None:
        self.turns = 0
        self.has_ended = False
        self.abort_reason: str | None = None
        self.session_id: str | None = None
        self.model: str | None = None
        self.summary: str | None = None

    def feed_line(self, line: str) -> list[AgentLine]:
        event = parse_event(line)
        if event is None:
            return [AgentLine("agent", line)] if line.strip() else []
        try:
            entries = [entry for entry in self.iter_lines(event) if entry.content.strip()]
            self.has_ended = self.is_end(event) or (
                self.has_ended and event["type"] not in self.work_events
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError):
            return [AgentLine("agent", line)]
        return entries

    def is_end(self, event: JsonEvent) -> bool:
        """Return whether `event` is the program's structured end."""
        return bool(event["type"] == "result")

    def iter_lines(self, event: JsonEvent) -> Iterator[AgentLine]:
        """Record the content of `event` and yield its log lines."""
        raise NotImplementedError

    def partial_result(self) -> AgentResult:
        return AgentResult(
            ok=True,
            session_id=self.session_id,
            model=self.model,
            turns=self.turns or None,
            summary=self.summary,
        )

    def result_without_end(self, exit_code: int, tail: str) -> AgentResult:
        """The end of a program that never reported its end."""
        detail = f"exit code {exit_code}, no final event" + (f": {tail}" if tail else "")
        return self.partial_result().as_failure(
            self.error_class_of(tail, default=ErrorClass.NO_OUTPUT), detail
        )

    def error_class_of(
        self, text: str, status: int | None = None, default: ErrorClass = ErrorClass.AGENT
    ) -> ErrorClass:
        """Return the class of an error of this program."""
        return classify_error(self.program, text, status, default)


def unstarted_servers(servers: object) -> Iterator[AgentLine]:
    """Yield one line for each MCP server of a program's list that did not start."""
    for server in servers if isinstance(servers, list) else []:
        name, status = server.get("name"), server.get("status")
        if status in ("failed", "needs-auth", "needs_auth", "error"):
            reason = f" ({to_text(server['error'])})" if server.get("error") else ""
            yield AgentLine("system", f"the MCP server {name!r} did not start: {status}{reason}")


def parse_event(line: str) -> JsonEvent | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def to_text(value: object) -> str:
    """Return a tool's input or output as text: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(to_text(part) for part in value)
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"])
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def describe_call(name: object, arguments: object) -> str:
    """Return a tool call as one line: its name, then the command or the arguments."""
    if isinstance(arguments, dict) and isinstance(arguments.get("command"), str):
        return f"{name}: {arguments['command']}"
    return f"{name}: {to_text(arguments)}"


def to_integer(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
