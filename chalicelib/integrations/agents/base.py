"""What an agent program is to us: a command line, and a reader of what it prints.

Agents are judged by the end that they print in their own format, never by exit code or text
alone: real ones exit 0 on a failed stream and print a success after being killed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

IN_WORDS = {
    "agent": "the agent failed",
    "credential": "the agent's credential was not accepted",
    "rate_limit": "the model's rate limit was reached",
    "overloaded": "the model's service is overloaded or broken",
    "context": "the work was too long for the model",
    "no_output": "the agent ended without a result",
    "refused_tool": "the agent was refused a tool that it needed",
    "network": "the model could not be reached",
    "missing_tool": "the agent's program is not installed on this runner",
}

_BY_TEXT: Sequence[tuple[str, str]] = (
    ("rate_limit", r"\b429\b|rate.?limit|too many requests|usage limit|quota|RESOURCE_EXHAUSTED"),
    ("overloaded", r"\b5(00|02|03|04|29)\b|overloaded|high demand|internal server error"),
    (
        "credential",
        r"\b40[13]\b|api.?key|unauthori[sz]ed|authenticat|not logged in|credit balance|auth method"
        r"|please run /login|permission_denied|billing",
    ),
    ("context", r"prompt is too long|context.?(window|length)|maximum context|output token max"),
    (
        "network",
        r"connect|stream (disconnected|closed|ended)|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT"
        r"|lookup address|fetch failed|socket|network",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the agent is asked for, apart from the prompt."""

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
class Line:
    """One line of a run's log, as the agent meant it."""

    type: str
    content: str


@dataclass(frozen=True, kw_only=True)
class AgentEnd:
    """How an agent's work ended, and what it cost."""

    ok: bool
    error_class: str | None = None
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
    """When a reached limit ends, where the program tells."""

    def failed(self, error_class: str, detail: str) -> AgentEnd:
        """Return the same end as a failure: its class in words, then the program's own message."""
        words = IN_WORDS.get(error_class, IN_WORDS["agent"])
        message = f"{words}: {detail}" if detail else words
        return replace(self, ok=False, error_class=error_class, error_message=message)


class Parser(Protocol):
    """Reads one run of an agent."""

    @property
    def turns(self) -> int:
        """How often the model has been asked so far, where the agent tells."""

    @property
    def hopeless(self) -> str | None:
        """Why the agent should be ended now, or nothing."""

    def feed(self, line: str) -> list[Line]:
        """Return the log lines that one line of standard output stands for."""

    def end(self, exit_code: int, tail: str) -> AgentEnd:
        """Judge the whole; `tail` is what the program last wrote outside its format."""


class Agent(Protocol):
    """A kind of agent program."""

    def invocation(self, task: Task, environment: Mapping[str, str]) -> Invocation:
        """Return how to start it, given the environment it will see."""

    def parser(self) -> Parser:
        """Return a new reader for one run."""


def classify(text: str, status: int | None = None, default: str = "agent") -> str:
    """Return the class of an error by the status of the model's answer, or else by its words."""
    if status is not None:
        known = {401: "credential", 402: "credential", 403: "credential", 429: "rate_limit"}
        if status in known:
            return known[status]
        if status >= 500:
            return "overloaded"
    for name, pattern in _BY_TEXT:
        if re.search(pattern, text, re.IGNORECASE):
            return name
    return default
