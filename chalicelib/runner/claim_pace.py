"""The waits of a runner between two requests for a job.

A runner with work asks every few seconds, so that a job starts soon after its admission. One that
has been idle for some minutes asks seldom, because each question is a request of the API that is
paid for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_WAIT_SECONDS, ACTIVE_WAIT_SECONDS = 1.0, 3.0
IDLE_WAIT_SECONDS = 30.0
MAX_IDLE_WAIT_SECONDS = 120.0
"""Well below the five minutes after which a run that no runner claims returns to its queue."""
IDLE_AFTER_SECONDS = 300.0
OUTAGE_WAIT_SECONDS = 15.0
GROWTH = 1.5


@dataclass
class ClaimPace:
    """The waits between the questions of one runner."""

    idle_wait_seconds: float = IDLE_WAIT_SECONDS
    clock: Callable[[], float] = time.monotonic
    _wait: float = FIRST_WAIT_SECONDS
    _outage_wait: float = FIRST_WAIT_SECONDS
    _worked_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._worked_at = self.clock()

    def note_work(self) -> None:
        """Note that a job is at work: the runner is not idle."""
        self._worked_at = self.clock()

    def note_job(self) -> None:
        """Note that a job came, and begin again with the shortest wait."""
        self.note_work()
        self._wait = self._outage_wait = FIRST_WAIT_SECONDS

    def wait_for_work(self) -> float:
        """Return the seconds to wait after an answer that there is no job."""
        self._outage_wait = FIRST_WAIT_SECONDS
        if self.clock() - self._worked_at >= IDLE_AFTER_SECONDS:
            return max(self.idle_wait_seconds, ACTIVE_WAIT_SECONDS)
        wait = self._wait
        self._wait = min(wait * GROWTH, ACTIVE_WAIT_SECONDS)
        return wait

    def wait_after_failure(self) -> float:
        """Return the seconds to wait after a question that got no answer."""
        wait = self._outage_wait
        self._outage_wait = min(wait * 2, OUTAGE_WAIT_SECONDS)
        return wait
