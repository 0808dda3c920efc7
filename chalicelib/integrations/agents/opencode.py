"""OpenCode: `opencode run --format json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask, Invocation
from chalicelib.integrations.agents.json_lines import (
    JsonEvent,
    JsonLinesParser,
    describe_call,
    to_integer,
    to_text,
)

SUCCESS_REASONS = frozenset({"stop", "other"})
"""Of a last step: what a provider that names no reason of its own has answered in full."""
CONTINUE_REASONS = frozenset({"tool-calls", "unknown"})
MAX_EMPTY_STEPS = 20
"""After so many answers without a token in a row the program never stops by itself."""


PROVIDER_KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "google": ("GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GOOGLE_API_KEY"),
    "openrouter": ("OPENROUTER_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
"""Credentials that a provider's models need; the program itself reports those of others."""

OTHER_CREDENTIALS = ("OPENCODE_AUTH_CONTENT", "OPENCODE_CONFIG_CONTENT", "OPENCODE_CONFIG")


class OpenCodeParser(JsonLinesParser):
    """Has no final event: the last step's reason and the sums of all steps are its end."""

    program = "opencode"
    work_events = frozenset({"step_start", "tool_use", "step_finish"})

    def __init__(self) -> None:
        super().__init__()
        self._error: tuple[str, int | None] | None = None
        self._reason: str | None = None
        self._input = self._output = self._empty = 0
        self._cost = 0.0

    def iter_lines(self, event: JsonEvent) -> Iterator[AgentLine]:
        self.session_id = event.get("sessionID") or self.session_id
        part = event.get("part") or {}
        match event["type"]:
            case "text":
                self.summary = to_text(part.get("text"))
                yield AgentLine("text", self.summary)
            case "reasoning":
                yield AgentLine("thinking", to_text(part.get("text")))
            case "tool_use":
                state = part.get("state") or {}
                yield AgentLine("tool_use", describe_call(part.get("tool"), state.get("input")))
                yield AgentLine("tool_result", to_text(state.get("output") or state.get("error")))
            case "step_finish":
                self._add_usage(part)
            case "error":
                error = event.get("error") or {}
                data = error.get("data") or {}
                self._error = (to_text(data.get("message") or error), data.get("statusCode"))
                yield AgentLine("error", self._error[0])

    def _add_usage(self, part: JsonEvent) -> None:
        tokens = part.get("tokens") or {}
        cache = tokens.get("cache") or {}
        output = to_integer(tokens.get("output")) + to_integer(tokens.get("reasoning"))
        self.turns += 1
        self._error = None  # what was answered after an error has overcome it
        self._reason = part.get("reason")
        self._input += sum(
            map(to_integer, (tokens.get("input"), cache.get("read"), cache.get("write")))
        )
        self._output += output
        self._cost += float(part.get("cost") or 0)
        self._empty = 0 if output or self._reason != "unknown" else self._empty + 1
        if self._empty >= MAX_EMPTY_STEPS:
            self.abort_reason = f"the model's stream was cut {self._empty} times in a row"

    def is_end(self, event: JsonEvent) -> bool:
        if event["type"] == "step_finish":
            return self._reason not in CONTINUE_REASONS
        return bool(event["type"] == "error")

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        end = replace(
            self.partial_result(),
            input_tokens=self._input,
            output_tokens=self._output,
            cost_usd=round(self._cost, 6),
        )
        if self.abort_reason:
            return end.as_failure(ErrorClass.NETWORK, self.abort_reason)
        if self._error is not None:
            message, status = self._error
            return end.as_failure(self.error_class_of(message, status), message)
        if self._reason == "length":
            return end.as_failure(
                ErrorClass.CONTEXT, "the last answer was cut at its maximal length"
            )
        if self._reason == "content-filter":
            return end.as_failure(
                ErrorClass.AGENT, "the provider's content filter stopped the last answer"
            )
        if self._reason not in SUCCESS_REASONS or not (exit_code == 0 or self.has_ended):
            failed = self.result_without_end(exit_code, tail)
            detail = f"exit code {exit_code}" + (f": {tail}" if tail else "")
            return end.as_failure(failed.error_class or ErrorClass.NO_OUTPUT, detail)
        return end


class OpenCode:
    """The model is `provider/model`; keys come by each provider's own variable."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        argv = ("opencode", "run", "--format", "json")
        quiet = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_PERMISSION": '{"*":"allow"}'}
        keys = PROVIDER_KEYS.get((task.model or "").partition("/")[0], ())
        has_credential = any(environment.get(name) for name in (*keys, *OTHER_CREDENTIALS))
        return Invocation(
            argv=(*argv, "-m", task.model) if task.model else argv,
            environment=quiet,
            lacks=() if has_credential else keys,
        )

    def make_parser(self) -> OpenCodeParser:
        return OpenCodeParser()
