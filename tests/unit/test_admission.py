"""Two hundred tasks over ten repos: the limits hold at every moment, and the order is right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.actions.jobs import jobs, reports
from chalicelib.actions.runs import admission, runs, transitions
from chalicelib.actions.scheduler import run_due
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import HOLDS_SLOT, State
from tests.conftest import NOON
from tests.simulation.memory import FixedPolicy, MemoryRuns, MemoryWorld

TASKS, REPOS, PER_REPO, STAGE = 200, 10, 2, 5


class Clock:
    """A clock that advances by a second at each look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> object:
        self.now += timedelta(milliseconds=10)
        return self.now


def small_world() -> MemoryWorld:
    world = MemoryWorld(Clock(), lambda span: None)  # type: ignore[arg-type]
    world.policy = FixedPolicy(max_concurrent=STAGE)
    return world


def asked(world: MemoryWorld, repo: int, priority: int = 100) -> Run:
    task = Blueprint(
        id="ad-hoc",
        kind=Kind.REPO_TASK,
        name="t",
        title="t",
        prompt="Go.",
        agent_type="command",
        agent_command="true",
        repo_url=f"https://git.example.com/acme/r{repo}",
        priority=priority,
        created_at=world.now(),
        updated_at=world.now(),
    )
    return runs.start_run(world, task, {}, stored=False)


def deliver(world: MemoryWorld) -> None:
    """Let every message that asks for an admission arrive."""
    while world.steps_queue.sent:
        body, _ = world.steps_queue.sent.pop(0)
        if body["step"] == "admit":
            admission.admit_queue(world, body["key"])


def all_runs(world: MemoryWorld) -> list[Run]:
    found: list[Run] = world.tables.all("runs")
    return found


def working(world: MemoryWorld) -> list[Run]:
    return [run for run in all_runs(world) if run.state in HOLDS_SLOT]


def nobody_better_waits(world: MemoryWorld, admitted: Run, before: list[Run]) -> bool:
    """Whether all that waited with a better rank could not start: their repo was full."""
    full = {
        url
        for url in {run.repo_url for run in before}
        if sum(run.repo_url == url for run in working(world)) >= PER_REPO
    }
    better = [
        run
        for run in before
        if run.queue_sort_key < admitted.queue_sort_key and run.state is State.QUEUED
    ]
    still = [world.runs.get(run.id) for run in better]
    return all(run.state is not State.QUEUED or run.repo_url in full for run in still)


@pytest.mark.parametrize("seed", range(5))
def test_limits_are_never_exceeded_and_the_most_urgent_goes_first(seed: int):
    rng = random.Random(seed)
    world = small_world()
    for _ in range(TASKS):
        run = asked(world, rng.randrange(REPOS), rng.choice((1, 50, 100)))
        admission.admit_queue(world, run.queue_id)

    done: list[str] = []
    while len(done) < TASKS:
        deliver(world)
        busy = working(world)
        assert len(busy) == min(STAGE, TASKS - len(done)) or _all_full(world)
        assert max(sum(r.repo_url == b.repo_url for r in busy) for b in busy) <= PER_REPO
        waiting = [run for run in all_runs(world) if run.state is State.QUEUED]
        job = jobs.claim_job(world, "r1")
        if job is None:
            over = rng.choice([run for run in busy if run.state is State.RUNNING])
        else:
            over = world.runs.get(job.run.id)
        reports.report_attempt(
            world, over.id, over.attempt, reports.AttemptReport(outcome="succeeded")
        )
        done.append(over.id)
        deliver(world)
        fresh = {run.id for run in waiting} - {
            run.id for run in all_runs(world) if run.state is State.QUEUED
        }
        for run_id in fresh:
            assert nobody_better_waits(world, world.runs.get(run_id), waiting)
    slots = world.tables.rows["slots"]
    assert not any(held for key, held in slots.items() if not key.startswith("branch#"))


def _all_full(world: MemoryWorld) -> bool:
    """Whether every repo that something waits for is full."""
    busy = working(world)
    waiting = {run.repo_url for run in all_runs(world) if run.state is State.QUEUED}
    return all(sum(run.repo_url == url for run in busy) >= PER_REPO for url in waiting)


def test_a_run_that_the_index_does_not_know_yet_starts_with_its_own_message():
    world = small_world()
    world.tables.lag = lambda: timedelta(hours=1)
    run = asked(world, 1)

    run_due.handle_due_run(world, run.id)  # type: ignore[arg-type]

    assert world.runs.get(run.id).state is State.PROVISIONING


def test_thousands_that_wait_for_a_full_repo_are_not_read(monkeypatch: pytest.MonkeyPatch):
    world = small_world()
    waiting = [asked(world, 1) for _ in range(2000)]
    admission.admit_queue(world, waiting[0].queue_id)
    other = asked(world, 2)
    world.waiting_queues.await_stage(waiting[0].queue_id, waiting[0].queue_sort_key)
    read: list[str] = []
    real = MemoryRuns.get_many

    def several(self: MemoryRuns, run_ids: list[str]) -> list[Run]:
        read.extend(run_ids)
        return real(self, run_ids)

    monkeypatch.setattr(MemoryRuns, "get_many", several)
    admission.admit_queue(world, other.queue_id)

    assert world.runs.get(other.id).state is State.PROVISIONING
    assert len(read) < 10


def test_thousands_of_queues_that_wait_for_the_stage_go_by_rank_in_bounded_passes(
    monkeypatch: pytest.MonkeyPatch,
):
    world = small_world()
    busy = [asked(world, number) for number in range(STAGE)]
    for run in busy:
        admission.admit_queue(world, run.queue_id)
    rng = random.Random(7)
    waiting = [asked(world, number, rng.choice((1, 50, 100))) for number in range(100, 4100)]
    for run in waiting:
        world.waiting_queues.await_stage(run.queue_id, run.queue_sort_key)
    asked_for: list[str] = []
    real = MemoryRuns.iter_waiting
    by_key = {run.queue_id: run for run in waiting}

    def one_waits(self: MemoryRuns, key: str) -> Iterator[str]:
        asked_for.append(key)
        run = by_key.get(key)
        return iter([run.id]) if run else real(self, key)

    monkeypatch.setattr(MemoryRuns, "iter_waiting", one_waits)
    best = sorted(waiting, key=lambda run: run.queue_sort_key)
    for number in range(3):
        over = working(world)[0]
        moved = transitions.fail_run(world, over, by="user", error_class="x", message="no")
        asked_for.clear()
        admission.admit_queue(world, moved.queue_id)
        assert world.runs.get(best[number].id).state is State.PROVISIONING
        assert len(set(asked_for)) <= admission.MAX_QUEUES_PER_PASS + 1
    assert len(working(world)) == STAGE


def test_queues_that_wait_for_something_else_leave_so_that_others_are_seen():
    world = small_world()
    blocked = []
    for repo in range(60):
        run = asked(world, repo, priority=1)
        later = replace(run, not_before=world.now() + timedelta(days=1))  # type: ignore[operator]
        world.tables.rows["runs"][run.id] = later
        world.waiting_queues.await_stage(run.queue_id, run.queue_sort_key)
        blocked.append(run)
    free = asked(world, 100)
    world.waiting_queues.await_stage(free.queue_id, free.queue_sort_key)
    admission.admit_queue(world, blocked[0].queue_id)
    assert world.runs.get(free.id).state is State.PROVISIONING
    assert world.waiting_queues.awaiting_stage(100) == []


def test_more_queues_than_one_message_may_look_at_are_gone_on_with_by_the_next():
    world = small_world()
    looked_at = admission.MAX_QUEUES_PER_PASS * admission.MAX_PASSES
    for repo in range(looked_at + 30):
        run = asked(world, repo, priority=1)
        later = replace(run, not_before=world.now() + timedelta(days=1))  # type: ignore[operator]
        world.tables.rows["runs"][run.id] = later
        world.waiting_queues.await_stage(run.queue_id, run.queue_sort_key)
    free = asked(world, 1000)
    world.waiting_queues.await_stage(free.queue_id, free.queue_sort_key)
    world.steps_queue.sent.clear()
    admission.admit_queue(world, "repo#https://git.example.com/acme/r0")
    assert len(world.steps_queue.sent) == 1
    deliver(world)
    assert world.runs.get(free.id).state is State.PROVISIONING
    assert world.steps_queue.sent == []


def test_a_tick_wakes_the_first_queue_only_where_a_slot_is_free():
    world = small_world()
    for number in range(STAGE):
        admission.admit_queue(world, asked(world, number).queue_id)
    waits = asked(world, 100)
    admission.admit_queue(world, waits.queue_id)
    assert world.waiting_queues.awaiting_stage(10) == [waits.queue_id]
    world.steps_queue.sent.clear()
    admission.wake_waiting_queue(world)
    assert world.steps_queue.sent == []

    transitions.fail_run(world, working(world)[0], by="user", error_class="x", message="no")
    world.steps_queue.sent.clear()
    admission.wake_waiting_queue(world)
    assert [body["key"] for body, _ in world.steps_queue.sent] == [waits.queue_id]
    deliver(world)
    assert world.runs.get(waits.id).state is State.PROVISIONING


@pytest.mark.parametrize("stage_is_full", [False, True])
def test_the_first_of_a_queue_asks_each_minute_while_the_stage_has_room(stage_is_full: bool):
    world = small_world()
    for number in range(STAGE if stage_is_full else 1):
        for _ in range(PER_REPO if number == 0 else 1):
            admission.admit_queue(world, asked(world, number).queue_id)
    first, second = asked(world, 0), asked(world, 0)
    for run in (first, second):
        old = replace(run, queued_at=NOON - timedelta(hours=1))
        later = old if run is first else replace(old, priority=500)
        world.tables.rows["runs"][run.id] = later
        run_due.handle_due_run(world, run.id)
    waits = [world.runs.get(run.id).due_at - world.now() for run in (first, second)]  # type: ignore
    minutes = [round(wait / timedelta(minutes=1)) for wait in waits]
    assert minutes == [10 if stage_is_full else 1, 10]
