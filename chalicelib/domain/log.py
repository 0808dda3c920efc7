"""A line of a run's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

TYPES = ("system", "setup", "agent", "git", "error", "text", "tool_use", "tool_result", "thinking")
LONGEST_LINE = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line, numbered from 1 within its attempt."""

    seq: int
    timestamp: datetime
    log_type: str
    content: str
    attempt: int = 1


def cut(content: str) -> str:
    """Return `content`, cut with a notice where it is over 16 KB."""
    raw = content.encode("utf-8", "replace")
    if len(raw) <= LONGEST_LINE:
        return content
    kept = raw[: LONGEST_LINE - 64].decode("utf-8", "ignore")
    return f"{kept} … [cut: the line had {len(raw)} bytes]"
