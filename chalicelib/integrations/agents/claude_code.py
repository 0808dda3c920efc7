"""Claude Code: `claude -p --output-format stream-json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask, Invocation
from chalicelib.integrations.agents.json_lines import (
    JsonEvent,
    JsonLinesParser,
    describe_call,
    to_integer,
    to_text,
    unstarted_servers,
)

_ERRORS = {
    "authentication_failed": ErrorClass.CREDENTIAL,
    "oauth_org_not_allowed": ErrorClass.CREDENTIAL,
    "account_on_hold": ErrorClass.CREDENTIAL,
    "billing_error": ErrorClass.CREDENTIAL,
    "rate_limit": ErrorClass.RATE_LIMIT,
    "max_output_tokens": ErrorClass.CONTEXT,
}
_BROKEN = frozenset({"overloaded", "server_error"})
_INPUT = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
_INPUT_OF_USAGE = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Parts of the input: the first is what no cache has. Other programs count them as one."""


class ClaudeCodeParser(JsonLinesParser):
    """Ends with a `result` event; an API error has the subtype "success" and `is_error`."""

    program = "claude-code"
    work_events = frozenset({"assistant", "user"})

    def __init__(self) -> None:
        super().__init__()
        self._result: JsonEvent | None = None
        self._error: str | None = None
        self._limits: dict[str, datetime] = {}

    def iter_lines(self, event: JsonEvent) -> Iterator[AgentLine]:
        kind = event["type"]
        if kind == "system" and event.get("subtype") == "init":
            self.session_id, self.model = event.get("session_id"), event.get("model")
            yield AgentLine(
                "system", f"claude-code {event.get('claude_code_version', '')} {self.model}"
            )
            yield from unstarted_servers(event.get("mcp_servers"))
        elif kind == "rate_limit_event":
            self._note_limit(event.get("rate_limit_info") or {})
        elif kind in ("assistant", "user"):
            self._error = event.get("error") if kind == "assistant" else self._error
            yield from _message_lines(kind, event.get("message") or {})
        elif kind == "result" and not self.has_ended:  # a program that is ended may print another
            self._result = event
            self.turns = to_integer(event.get("num_turns"))

    def _note_limit(self, limit: JsonEvent) -> None:
        """Note when a limit ends that stops the work: a warning and paid overage do not."""
        paid = limit.get("isUsingOverage") or str(limit.get("overageStatus")).startswith("allowed")
        stops = limit.get("status") == "rejected" and not paid and limit.get("resetsAt")
        kind = str(limit.get("rateLimitType"))
        self._limits.pop(kind, None)
        if stops:
            self._limits[kind] = datetime.fromtimestamp(to_integer(limit["resetsAt"]), UTC)

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        result = self._result
        if result is None:
            return self.result_without_end(exit_code, tail)
        end = replace(self._with_costs(result), resets_at=max(self._limits.values(), default=None))
        subtype = str(result.get("subtype"))
        if not result.get("is_error") and subtype == "success":
            return replace(end, resets_at=None)
        message = to_text(result.get("result")) or to_text(result.get("errors"))
        if subtype == "error_max_turns":
            return end.as_failure(ErrorClass.TURN_LIMIT, message or subtype)
        default = ErrorClass.OVERLOADED if self._error in _BROKEN else ErrorClass.AGENT
        status = result.get("api_error_status")
        by_words = self.error_class_of(
            message, status if isinstance(status, int) else None, default
        )
        return end.as_failure(_ERRORS.get(self._error or "") or by_words, message or subtype)

    def _with_costs(self, result: JsonEvent) -> AgentResult:
        """The end with its tokens, by model: `usage` is zero after a fallen-back stream."""
        models: dict[str, JsonEvent] = result.get("modelUsage") or {}
        usage = result.get("usage") or {}
        used = max(
            models, key=lambda name: to_integer(models[name].get("outputTokens")), default=None
        )
        denied = [str(each.get("tool_name")) for each in result.get("permission_denials") or []]
        return AgentResult(
            ok=True,
            session_id=result.get("session_id") or self.session_id,
            model=used or self.model,
            input_tokens=sum(_sum(each, _INPUT) for each in models.values())
            or _sum(usage, _INPUT_OF_USAGE),
            output_tokens=sum(to_integer(each.get("outputTokens")) for each in models.values())
            or to_integer(usage.get("output_tokens")),
            cost_usd=result.get("total_cost_usd"),
            turns=self.turns,
            summary=to_text(result.get("result")) or None,
            refused_tools=tuple(dict.fromkeys(denied)),
        )


def _sum(counts: JsonEvent, names: Iterable[str]) -> int:
    return sum(to_integer(counts.get(name)) for name in names)


def _message_lines(kind: str, message: JsonEvent) -> Iterator[AgentLine]:
    content = message.get("content")
    if isinstance(content, str):
        yield AgentLine("text" if kind == "assistant" else "agent", content)
        return
    for part in content or []:
        match part.get("type"):
            case "text":
                yield AgentLine("text", part.get("text") or "")
            case "thinking":
                yield AgentLine("thinking", part.get("thinking") or "")
            case "tool_use":
                yield AgentLine("tool_use", describe_call(part.get("name"), part.get("input")))
            case "tool_result":
                yield AgentLine("tool_result", to_text(part.get("content")))


class ClaudeCode:
    """The runner is the sandbox, so every tool is allowed; root needs IS_SANDBOX for that."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        argv = ["claude", "-p", "--output-format", "stream-json", "--verbose"]
        argv += ["--dangerously-skip-permissions"]
        argv += ["--model", task.model] if task.model else []
        argv += ["--max-turns", str(task.max_turns)] if task.max_turns else []
        quiet = {
            "IS_SANDBOX": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "3",
        }
        return Invocation(argv=tuple(argv), environment=quiet)

    def make_parser(self) -> ClaudeCodeParser:
        return ClaudeCodeParser()
