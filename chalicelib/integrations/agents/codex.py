"""Codex: `codex exec --json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from chalicelib.integrations.agents.base import AgentLine, AgentResult, AgentTask, Invocation
from chalicelib.integrations.agents.json_lines import (
    JsonEvent,
    JsonLinesParser,
    to_integer,
    to_text,
)


class CodexParser(JsonLinesParser):
    """Ends with `turn.completed` or `turn.failed`; events of type `error` occur in good runs.

    A turn of codex is a whole conversation, so each answer that used a tool counts as one.
    """

    program = "codex"
    work_events = frozenset({"turn.started", "item.started", "item.completed"})

    def __init__(self) -> None:
        super().__init__()
        self._error: str | None = None
        self._usage: JsonEvent | None = None
        self._failed: str | None = None

    def iter_lines(self, event: JsonEvent) -> Iterator[AgentLine]:
        match event["type"]:
            case "thread.started":
                self.session_id = event.get("thread_id")
            case "turn.started":
                self.turns += 1
                self._usage = self._failed = self._error = None
            case "turn.completed":
                self._usage = event.get("usage") or {}
            case "turn.failed":
                self._failed = to_text((event.get("error") or {}).get("message")) or "turn failed"
                yield AgentLine("error", self._failed)
            case "error":
                self._error = to_text(event.get("message"))
                yield AgentLine("system", self._error)
            case "item.started" | "item.completed":
                yield from self._item_lines(
                    event["type"] == "item.completed", event.get("item") or {}
                )

    def _item_lines(self, completed: bool, item: JsonEvent) -> Iterator[AgentLine]:
        if completed and item.get("type") not in ("agent_message", "reasoning", "error"):
            self.turns += 1
        match item.get("type"), completed:
            case "agent_message", True:
                self.summary = to_text(item.get("text"))
                yield AgentLine("text", self.summary)
            case "reasoning", True:
                yield AgentLine("thinking", to_text(item.get("text")))
            case "command_execution", False:
                yield AgentLine("tool_use", f"shell: {item.get('command')}")
            case "command_execution", True:
                failed = f"\nexit code {item['exit_code']}" if item.get("exit_code") else ""
                yield AgentLine("tool_result", f"{to_text(item.get('aggregated_output'))}{failed}")
            case "error", True:
                yield AgentLine("system", to_text(item.get("message")))
            case _, True:
                rest = {key: item[key] for key in item if key not in ("id", "type")}
                yield AgentLine("tool_use", f"{item.get('type')}: {to_text(rest)}")

    def is_end(self, event: JsonEvent) -> bool:
        return event["type"] in ("turn.completed", "turn.failed")

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        failed = self._failed or (self._error if self._usage is None else None)
        if failed is not None:
            return self.partial_result().as_failure(self.error_class_of(failed), failed)
        if self._usage is None:
            return self.result_without_end(exit_code, tail)
        return replace(
            self.partial_result(),
            input_tokens=to_integer(self._usage.get("input_tokens")),
            output_tokens=to_integer(self._usage.get("output_tokens")),
        )


class Codex:
    """The runner is the sandbox; codex's own needs kernel features that containers lack."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        argv = ["codex", "exec", "--json", "--skip-git-repo-check"]
        argv += ["--dangerously-bypass-approvals-and-sandbox"]
        argv += ["-m", task.model] if task.model else []
        key = environment.get("CODEX_API_KEY") or environment.get("OPENAI_API_KEY")
        base = environment.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        return Invocation(
            argv=(*argv, "-"),
            environment={"CODEX_API_KEY": key} if key else {},
            files={".codex/config.toml": _provider_settings(base)},
            lacks=() if key else ("OPENAI_API_KEY", "CODEX_API_KEY"),
        )

    def make_parser(self) -> CodexParser:
        return CodexParser()


def _provider_settings(base_url: str) -> str:
    """A provider of our own: the built-in one retries for minutes, and that cannot be changed."""
    return (
        'model_provider = "optio"\ncheck_for_update_on_startup = false\n\n'
        "[analytics]\nenabled = false\n\n"
        '[model_providers.optio]\nname = "optio"\n'
        f"base_url = {json.dumps(base_url)}\n"
        'env_key = "CODEX_API_KEY"\nwire_api = "responses"\n'
        "request_max_retries = 2\nstream_max_retries = 2\n"
    )
