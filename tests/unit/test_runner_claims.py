"""A runner asks for jobs once per process, and seldom while it is idle."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.runner import worker
from chalicelib.runner.claim_pace import ClaimPace
from chalicelib.runner.command import _parse_arguments
from chalicelib.runner.errors import ApiUnavailable
from chalicelib.runner.worker import Runner

MINUTE = 60.0
A_START_SECONDS = 5.0
"""Within this time of its admission, a job of an active runner has started."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(pace: ClaimPace, clock: Clock, seconds: float) -> list[float]:
    """Return the waits of a runner that finds no job for some time."""
    found, until = [], clock.now + seconds
    while clock.now < until:
        found.append(pace.wait_for_work())
        clock.now += found[-1]
    return found


def test_an_active_runner_asks_often_enough_to_start_a_job_within_five_seconds():
    clock = Clock()
    asked = waits(ClaimPace(clock=clock), clock, 4.9 * MINUTE)
    assert max(asked) + 1 < A_START_SECONDS


def test_a_runner_that_is_idle_for_five_minutes_asks_ten_times_less():
    clock = Clock()
    pace = ClaimPace(clock=clock)
    often = waits(pace, clock, 5 * MINUTE)
    seldom = waits(pace, clock, 5 * MINUTE)
    assert set(seldom) == {30.0}
    assert len(often) >= 10 * len(seldom)


def test_a_job_makes_an_idle_runner_ask_often_again():
    clock = Clock()
    pace = ClaimPace(clock=clock)
    waits(pace, clock, 10 * MINUTE)
    pace.note_job()
    assert max(waits(pace, clock, 4 * MINUTE)) <= 3.0


def test_a_runner_with_a_long_job_and_a_free_place_is_not_idle():
    clock = Clock()
    pace = ClaimPace(clock=clock)
    for _ in range(20):
        clock.now += MINUTE
        pace.note_work()
        assert pace.wait_for_work() <= 3.0


def test_an_api_that_is_away_is_asked_less_and_less():
    pace = ClaimPace()
    assert [pace.wait_after_failure() for _ in range(6)] == [1, 2, 4, 8, 15, 15]
    pace.wait_for_work()
    assert pace.wait_after_failure() == 1


class CountedApi:
    """An API with some jobs, which counts the questions and the jobs at work."""

    def __init__(self, jobs: int, questions: int) -> None:
        self.jobs, self.questions = jobs, questions
        self.asked = 0
        self.at_once: list[int] = []
        self.asking = threading.Lock()
        self.runner: Runner

    def claim_job(self, name: str, capabilities: Mapping[str, object]) -> dict[str, Any] | None:
        assert self.asking.acquire(blocking=False), "two threads asked at once"
        try:
            self.asked += 1
            if self.asked >= self.questions:
                self.runner.draining.set()
            if self.asked == 1:
                raise ApiUnavailable("away")
            if self.jobs:
                self.jobs -= 1
                return {"runId": str(self.jobs), "attempt": 1}
            return None
        finally:
            self.asking.release()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let waits take no time."""
    for name in ("wait_for_work", "wait_after_failure"):
        monkeypatch.setattr(ClaimPace, name, lambda self: 0.01)
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)


@pytest.mark.usefixtures("quick")
def test_a_process_with_four_places_asks_as_one_and_does_four_jobs_at_once(
    monkeypatch: pytest.MonkeyPatch,
):
    api = CountedApi(jobs=6, questions=20)
    runner = Runner(api, "r", concurrency=4)  # type: ignore[arg-type]
    api.runner = runner
    working, most, full = 0, 0, threading.Event()
    lock = threading.Lock()

    def supervise(self: Runner, job: dict[str, Any]) -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
            if working == 4:
                full.set()
        assert full.wait(10)
        with lock:
            working -= 1

    monkeypatch.setattr(Runner, "_supervise_job", supervise)
    runner._work_all()
    assert most == 4
    assert (api.jobs, working) == (0, 0)
    assert api.asked == 20


@pytest.mark.usefixtures("quick")
def test_a_runner_without_a_free_place_asks_for_nothing(monkeypatch: pytest.MonkeyPatch):
    api = CountedApi(jobs=5, questions=4)
    runner = Runner(api, "r")  # type: ignore[arg-type]
    api.runner = runner
    asked_meanwhile = []

    def supervise(self: Runner, job: dict[str, Any]) -> None:
        before = api.asked
        threading.Event().wait(0.1)
        asked_meanwhile.append(api.asked - before)

    monkeypatch.setattr(Runner, "_supervise_job", supervise)
    runner._work_all()
    assert asked_meanwhile == [0, 0, 0]


@pytest.mark.parametrize("given, wait", [([], 30.0), (["--idle-seconds", "5"], 5.0)])
def test_the_wait_of_an_idle_runner_is_an_option(
    monkeypatch: pytest.MonkeyPatch, given: list[str], wait: float
):
    monkeypatch.setattr("sys.argv", ["runner", *given])
    assert _parse_arguments().idle_seconds == wait


@pytest.mark.parametrize("given", ["1", "121", "often"])
def test_a_wait_after_which_a_run_would_return_to_its_queue_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
):
    monkeypatch.setattr("sys.argv", ["runner", "--idle-seconds", given])
    with pytest.raises(SystemExit):
        _parse_arguments()
