"""Many callers at once under a clock of their own: a second passes only where a caller waits.

Each caller is a thread, and only one of them runs at a time: the one whose moment is the earliest.
So a race has the same outcome on every machine.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from chalicelib.storage.dynamo import connection


class Caller:
    """One thread, its turn, and what became of it."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self._what = what
        self.turn = threading.Semaphore(0)
        self.result: Any = None
        self.error: BaseException | None = None

    def work(self) -> None:
        try:
            self.result = self._what()
        except BaseException as error:
            self.error = error


class LogicalTime:
    """A clock that callers share."""

    def __init__(self, seed: int = 1) -> None:
        self.seconds = 0.0
        self.rng = random.Random(seed)
        self._waiting: list[tuple[float, int, Caller]] = []
        self._numbers = itertools.count()
        self._ended = threading.Semaphore(0)
        self._running: Caller | None = None

    def call_at(self, seconds: float, what: Callable[[], Any]) -> Caller:
        """Let a caller do something at a moment; its outcome is there after `run`."""
        caller = Caller(what)
        self._queue(seconds, caller)
        return caller

    def sleep(self, seconds: float) -> None:
        """Let others come for some time; alone it only moves the clock."""
        caller = self._running
        if caller is None:
            self.seconds += seconds
            return
        self._queue(self.seconds + seconds, caller)
        self._ended.release()
        caller.turn.acquire()

    def run(self) -> None:
        """Let all callers come to an end."""
        begun: set[int] = set()
        while self._waiting:
            moment, _, caller = heapq.heappop(self._waiting)
            self.seconds = max(self.seconds, moment)
            self._running = caller
            if id(caller) in begun:
                caller.turn.release()
            else:
                begun.add(id(caller))
                threading.Thread(target=self._work, args=(caller,), daemon=True).start()
            self._ended.acquire()
        self._running = None

    def _queue(self, seconds: float, caller: Caller) -> None:
        heapq.heappush(self._waiting, (seconds, next(self._numbers), caller))

    def _work(self, caller: Caller) -> None:
        caller.work()
        self._ended.release()


@contextmanager
def patient_stores(clock: LogicalTime) -> Iterator[None]:
    """Let the stores wait for each other under this clock, and spread by its numbers."""
    time = SimpleNamespace(monotonic=lambda: clock.seconds, sleep=clock.sleep)
    with (
        patch.object(connection, "time", time),
        patch.object(connection, "random", SimpleNamespace(uniform=clock.rng.uniform)),
    ):
        yield
