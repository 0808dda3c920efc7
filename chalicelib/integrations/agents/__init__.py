"""Agent programs: how each is started, and how its output is read.

One module per program. They import nothing but the standard library and each other, since a
runner has nothing else.
"""

from __future__ import annotations

from chalicelib.integrations.agents.base import Agent
from chalicelib.integrations.agents.claude_code import ClaudeCode
from chalicelib.integrations.agents.codex import Codex
from chalicelib.integrations.agents.command import Command
from chalicelib.integrations.agents.copilot import Copilot
from chalicelib.integrations.agents.gemini import Gemini
from chalicelib.integrations.agents.opencode import OpenCode

AGENTS: dict[str, Agent] = {
    "command": Command(),
    "claude-code": ClaudeCode(),
    "codex": Codex(),
    "gemini": Gemini(),
    "opencode": OpenCode(),
    "copilot": Copilot(),
}


def agent_for(kind: str) -> Agent | None:
    """Return the agent of that type, or nothing where this runner does not know it."""
    return AGENTS.get(kind)
