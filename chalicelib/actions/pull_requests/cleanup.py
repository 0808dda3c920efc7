"""Cleanup at a forge: labels, texts, branches, issues. A failure is only a warning."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.domain.runs.run import Run

MAX_TRIES = 3


class Tidying:
    """The cleanup of one step of a run, and its warnings."""

    def __init__(self, run: Run) -> None:
        self._last_try = run.forge_failures + 1 >= MAX_TRIES
        self.warnings: list[str] = []

    def try_call(self, failed: str, call: Callable[[], object]) -> bool:
        """Make a call that nothing depends on; return whether it succeeded.

        Temporary errors are raised, so that the step is repeated a few times; any other error
        becomes a warning that begins with `failed`.
        """
        try:
            call()
        except ForgeError as error:
            limited = error.kind == ForgeErrorKind.RATE_LIMITED
            if error.passes and (limited or not self._last_try):
                raise
            self.warnings.append(f"{failed}: {error}")
            return False
        return True

    def with_warnings(self, message: str) -> str:
        """Return the history message with the warnings appended."""
        return "; ".join([message, *self.warnings])
