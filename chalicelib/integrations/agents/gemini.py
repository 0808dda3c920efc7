"""Gemini CLI: `gemini --yolo --output-format stream-json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask, Invocation
from chalicelib.integrations.agents.json_lines import (
    JsonEvent,
    JsonLinesParser,
    describe_call,
    to_integer,
    to_text,
)

MAX_ATTEMPTS = 3
"""By itself it tries ten times, which takes five minutes."""
_STOPPED = re.compile(r"loop detected|session turns", re.IGNORECASE)
"""Words of an `error` event after which the work is unfinished, although success follows."""


class GeminiParser(JsonLinesParser):
    """Ends with a `result` event; exits 0 on a failed stream and when terminated."""

    program = "gemini"
    work_events = frozenset({"message", "tool_use", "tool_result"})

    def __init__(self) -> None:
        super().__init__()
        self._result: JsonEvent | None = None
        self._error = ""
        self._stopped = ""
        self._said = ""

    def iter_lines(self, event: JsonEvent) -> Iterator[AgentLine]:
        kind = event["type"]
        if kind in self.work_events:
            self._stopped = ""
        if kind == "message" and event.get("role") == "assistant":
            self._said += to_text(event.get("content"))
            if event.get("delta"):
                return
        yield from self._flush_message()
        match kind:
            case "init":
                self.session_id, self.model = event.get("session_id"), event.get("model")
            case "tool_use":
                self.turns += 1
                yield AgentLine(
                    "tool_use", describe_call(event.get("tool_name"), event.get("parameters"))
                )
            case "tool_result":
                yield AgentLine("tool_result", to_text(event.get("output") or event.get("error")))
            case "error":
                self._error = to_text(event.get("message"))
                self._stopped = self._error if _STOPPED.search(self._error) else ""
                yield AgentLine("error", self._error)
            case "result" if not self.has_ended:
                self._result = event

    def _flush_message(self) -> Iterator[AgentLine]:
        """The pieces of a message as one line: a secret cut in two must not escape redaction."""
        if self._said:
            self.summary, self._said = self._said, ""
            yield AgentLine("text", self.summary)

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        result = self._result
        if result is None:
            return self.result_without_end(exit_code, tail)
        stats = result.get("stats") or {}
        models: dict[str, JsonEvent] = stats.get("models") or {}
        used = max(
            models, key=lambda name: to_integer(models[name].get("total_tokens")), default=None
        )
        end = replace(
            self.partial_result(),
            model=used or self.model,
            input_tokens=to_integer(stats.get("input_tokens")),
            output_tokens=to_integer(stats.get("output_tokens")),
            turns=to_integer(stats.get("tool_calls")) + 1,
        )
        if result.get("status") == "success" and not self._stopped:
            return end
        message = (
            self._stopped or to_text((result.get("error") or {}).get("message")) or self._error
        )
        return end.as_failure(self.error_class_of(message), message or str(result.get("status")))


class Gemini:
    """Settings are a file: there is no flag for updates, telemetry and the turn limit."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        argv = ("gemini", "--yolo", "--output-format", "stream-json")
        settings: dict[str, object] = {
            "general": {
                "disableAutoUpdate": True,
                "enableAutoUpdate": False,
                "maxAttempts": MAX_ATTEMPTS,
            },
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        if environment.get("GEMINI_API_KEY"):
            settings["security"] = {"auth": {"selectedType": "gemini-api-key"}}
        if task.max_turns:
            settings["model"] = {"maxSessionTurns": task.max_turns}
        return Invocation(
            argv=(*argv, "-m", task.model) if task.model else argv,
            environment={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
            files={".gemini/settings.json": json.dumps(settings)},
        )

    def make_parser(self) -> GeminiParser:
        return GeminiParser()
