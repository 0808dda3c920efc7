"""The interface of agent programs: a command line, and a reader of their output.

The result of an agent is the end that it prints in its own format, never its exit code or text
alone. Real ones exit 0 on a failed stream and print a success after being killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from chalicelib.domain.error_class import ErrorClass
from chalicelib.integrations.agents.sentences import CLASS_PHRASES


@dataclass(frozen=True, kw_only=True)
class AgentTask:
    """Options of an agent's call, apart from the prompt."""

    command: str | None = None
    model: str | None = None
    max_turns: int | None = None


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """How to start an agent: the prompt comes by standard input."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Settings to write before the start, by their path below HOME."""
    lacks: tuple[str, ...] = ()
    """The variables of which one is needed and none is there: it would hang without."""
    merged: bool = False
    """Whether standard error belongs into the same stream as standard output."""


@dataclass(frozen=True)
class AgentLine:
    """One line of a run's log, as the agent meant it."""

    type: str
    content: str


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """How an agent's work ended, and what it cost."""

    ok: bool
    error_class: ErrorClass | None = None
    error_message: str | None = None
    session_id: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    turns: int | None = None
    summary: str | None = None
    refused_tools: tuple[str, ...] = ()
    resets_at: datetime | None = None
    """The end of a reached limit, if the program reports it."""

    def as_failure(self, error_class: ErrorClass, detail: str) -> AgentResult:
        """Return the same end as a failure: its class in words, then the program's own message.

        The end of a limit belongs to the failure of that limit alone.
        """
        phrase = CLASS_PHRASES.get(error_class, CLASS_PHRASES[ErrorClass.AGENT])
        return replace(
            self,
            ok=False,
            error_class=error_class,
            error_message=f"{phrase}: {detail}" if detail else phrase,
            resets_at=self.resets_at if error_class == ErrorClass.RATE_LIMIT else None,
        )


class AgentParser(Protocol):
    """Reads one run of an agent."""

    @property
    def turns(self) -> int:
        """The number of calls of the model so far, if the agent reports it."""

    @property
    def has_ended(self) -> bool:
        """Whether the program has printed its structured end and begun nothing since."""

    @property
    def abort_reason(self) -> str | None:
        """Why the agent should be ended now, or nothing."""

    def feed_line(self, line: str) -> list[AgentLine]:
        """Return the log lines for one line of standard output."""

    def judge_end(self, exit_code: int, tail: str) -> AgentResult:
        """Judge the whole; `tail` is what the program last wrote outside its format."""


class Agent(Protocol):
    """A kind of agent program."""

    def build_invocation(self, task: AgentTask, environment: Mapping[str, str]) -> Invocation:
        """Return how to start it, given the environment it will see."""

    def make_parser(self) -> AgentParser:
        """Return a new reader for one run."""
