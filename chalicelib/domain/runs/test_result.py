"""Results of the repo's own tests on an agent's work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RepoTestRun:
    """The result of the repo's own tests on a commit, before it was pushed."""

    passed: bool
    exit_status: int | None = None
    last_lines: str = ""

    @property
    def result_text(self) -> str:
        if self.passed:
            return "passed"
        ended = f"exit status {self.exit_status}" if self.exit_status is not None else "no end"
        return f"failed ({ended})"
