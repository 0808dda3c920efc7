"""OpenCode: `opencode run --format json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from chalicelib.integrations.agents.base import AgentEnd, Invocation, Line, Task
from chalicelib.integrations.agents.streams import Event, JsonLines, call_of, text_of, whole

GOOD_REASONS = frozenset({"stop", "other"})
"""Of a last step: what a provider that names no reason of its own has answered in full."""
GOES_ON = frozenset({"tool-calls", "unknown"})
EMPTY_STEPS = 20
"""After so many answers without a token in a row the program never stops by itself."""


KEYS = {
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

OTHER_WAYS = ("OPENCODE_AUTH_CONTENT", "OPENCODE_CONFIG_CONTENT", "OPENCODE_CONFIG")


class OpenCodeParser(JsonLines):
    """Has no final event: the last step's reason and the sums of all steps are its end."""

    program = "opencode"
    work_events = frozenset({"step_start", "tool_use", "step_finish"})

    def __init__(self) -> None:
        super().__init__()
        self._error: tuple[str, int | None] | None = None
        self._reason: str | None = None
        self._input = self._output = self._empty = 0
        self._cost = 0.0

    def lines(self, event: Event) -> Iterator[Line]:
        self.session_id = event.get("sessionID") or self.session_id
        part = event.get("part") or {}
        match event["type"]:
            case "text":
                self.summary = text_of(part.get("text"))
                yield Line("text", self.summary)
            case "reasoning":
                yield Line("thinking", text_of(part.get("text")))
            case "tool_use":
                state = part.get("state") or {}
                yield Line("tool_use", call_of(part.get("tool"), state.get("input")))
                yield Line("tool_result", text_of(state.get("output") or state.get("error")))
            case "step_finish":
                self._count(part)
            case "error":
                error = event.get("error") or {}
                data = error.get("data") or {}
                self._error = (text_of(data.get("message") or error), data.get("statusCode"))
                yield Line("error", self._error[0])

    def _count(self, part: Event) -> None:
        tokens = part.get("tokens") or {}
        cache = tokens.get("cache") or {}
        output = whole(tokens.get("output")) + whole(tokens.get("reasoning"))
        self.turns += 1
        self._error = None  # what was answered after an error has overcome it
        self._reason = part.get("reason")
        self._input += sum(map(whole, (tokens.get("input"), cache.get("read"), cache.get("write"))))
        self._output += output
        self._cost += float(part.get("cost") or 0)
        self._empty = 0 if output or self._reason != "unknown" else self._empty + 1
        if self._empty >= EMPTY_STEPS:
            self.hopeless = f"the model's stream was cut {self._empty} times in a row"

    def is_end(self, event: Event) -> bool:
        if event["type"] == "step_finish":
            return self._reason not in GOES_ON
        return bool(event["type"] == "error")

    def end(self, exit_code: int, tail: str) -> AgentEnd:
        end = replace(
            self.so_far(),
            input_tokens=self._input,
            output_tokens=self._output,
            cost_usd=round(self._cost, 6),
        )
        if self.hopeless:
            return end.failed("network", self.hopeless)
        if self._error is not None:
            said, status = self._error
            return end.failed(self.class_of(said, status), said)
        if self._reason == "length":
            return end.failed("context", "the last answer was cut at its maximal length")
        if self._reason == "content-filter":
            return end.failed("agent", "the provider's content filter stopped the last answer")
        if self._reason not in GOOD_REASONS or not (exit_code == 0 or self.ended):
            failed = self.no_end(exit_code, tail)
            said = f"exit code {exit_code}" + (f": {tail}" if tail else "")
            return end.failed(failed.error_class or "no_output", said)
        return end


class OpenCode:
    """The model is `provider/model`; keys come by each provider's own variable."""

    def invocation(self, task: Task, environment: Mapping[str, str]) -> Invocation:
        argv = ("opencode", "run", "--format", "json")
        quiet = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_PERMISSION": '{"*":"allow"}'}
        keys = KEYS.get((task.model or "").partition("/")[0], ())
        known = any(environment.get(name) for name in (*keys, *OTHER_WAYS))
        return Invocation(
            argv=(*argv, "-m", task.model) if task.model else argv,
            environment=quiet,
            lacks=() if known else keys,
        )

    def parser(self) -> OpenCodeParser:
        return OpenCodeParser()
