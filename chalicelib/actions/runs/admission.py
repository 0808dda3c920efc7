"""Admission: selects queued runs to start, by priority, then age, within the concurrency limits."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice, repeat

from chalicelib.actions import due_messages, telemetry
from chalicelib.actions.runs.transitions import RUNNER_REMINDER_INTERVAL
from chalicelib.domain.ids import CounterKey, QueueKey
from chalicelib.domain.pool import Pool
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run, move_run
from chalicelib.domain.runs.run_keys import STAGE_COUNTER, blueprint_counter_key, repo_counter_key
from chalicelib.domain.runs.state import HOLDS_SLOT, State
from chalicelib.ports import Part, World, WriteConflict

MAX_RUNS_PER_PASS = 50
MAX_QUEUES_PER_PASS, MAX_PASSES = 20, 5
"""The queues that one pass examines, and the passes of one message; another message does the rest.
"""
DEFAULT_RUNS_PER_REPO = 2
"""The concurrent runs of a repo that has no settings."""


def admit_queue(world: World, queue_key: QueueKey, due: Run | None = None) -> None:
    """Give free slots to the runs in queue `queue_key`, and to those that wait for a stage slot.

    The queues that wait for the stage are merged by rank, so the order of messages does not matter.
    A pass examines only the most urgent queues; queues that wait for something else leave the list,
    so the next pass sees others. `due` takes part even if the index does not contain it yet. Safe
    to repeat and to run concurrently.
    """
    if _wait_for_stage(world, queue_key, due):
        return  # Before any queue is read: there may be hundreds, and each waiting run asks again.
    seen: set[QueueKey] = set()
    for _ in range(MAX_PASSES):
        waiting = world.waiting_queues.awaiting_stage(MAX_QUEUES_PER_PASS)
        keys = {*waiting, queue_key} - seen
        if not keys or _admit_pass(world, queue_key, keys, due):
            return
        for key in sorted(keys & set(waiting)):
            world.waiting_queues.leave_stage(key)
        if len(waiting) < MAX_QUEUES_PER_PASS:
            return
        seen |= keys
    due_messages.enqueue_admissions(world, [queue_key])


def wake_waiting_queue(world: World) -> None:
    """Request an admission if the stage has a free slot and a queue waits for one.

    Freeing a slot already requests one; this recovers lost messages.
    """
    first = world.waiting_queues.awaiting_stage(1)
    if first and not is_stage_full(world):
        due_messages.enqueue_admissions(world, first)


def _admit_pass(
    world: World, queue_key: QueueKey, keys: Collection[QueueKey], due: Run | None
) -> bool:
    """Admit the runs of these queues that may start, by rank; return whether the stage is full."""
    reader = _QueueReader(world)
    repos: dict[str, Repo | None] = {}
    admitted = {queue_key}
    for run in reader.iter_by_sort_key(sorted(keys), due):
        repo = _find_repo(world, run, repos)
        full = _admit_run(world, run, _slot_limits(world, run, repo), _choose_pool(world, repo))
        if STAGE_COUNTER in full and _note_waiting(world, admitted):
            return True
        if not full:
            admitted.add(run.queue_id)
        reader.block(full - {STAGE_COUNTER})
    return False


class _QueueReader:
    """Reads the runs that may start, and skips those for which a counter is known to be full.

    The caller reports full counters by `block` between two runs, so that a queue whose counter is
    full is not read further.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._full: set[CounterKey] = set()

    def block(self, counters: Collection[CounterKey]) -> None:
        """Skip the runs of these counters from now on."""
        self._full.update(counters)

    def iter_by_sort_key(self, keys: Sequence[QueueKey], due: Run | None) -> Iterator[Run]:
        """Yield each run that may start, the most urgent of all queues first."""
        queues = [self._iter_ready(key) for key in keys]
        alone = [due] if due and _may_start(self._world, due) else []
        last = None
        for run in heapq.merge(*queues, alone, key=lambda run: run.queue_sort_key):
            if run.id != last and self._full.isdisjoint(run.slot_ids):
                yield run
            last = run.id

    def _iter_ready(self, key: QueueKey) -> Iterator[Run]:
        """Yield the runs in queue `key` that may start, in the order of their rank.

        Runs are read in growing batches (1, 5, then `MAX_RUNS_PER_PASS`), so that no more are read
        than needed. Iteration ends once the counter `key` is full.
        """
        waiting = self._world.runs.iter_waiting(key)
        for size in chain((1, 5), repeat(MAX_RUNS_PER_PASS)):
            some = list(islice(waiting, size))
            for run in self._world.runs.get_many(some) if some else ():
                if run.queue_id == key and _may_start(self._world, run):
                    yield run
                if CounterKey(key) in self._full:
                    return
            if len(some) < size:
                return


def _may_start(world: World, run: Run) -> bool:
    waits = run.state is State.QUEUED and not run.cancels
    return waits and (run.not_before is None or run.not_before <= world.now())


def _find_repo(world: World, run: Run, repos: dict[str, Repo | None]) -> Repo | None:
    if run.repo_url is None:
        return None
    if run.repo_url not in repos:
        repos[run.repo_url] = world.repos.find_by_url(run.repo_url)
    return repos[run.repo_url]


def _choose_pool(world: World, repo: Repo | None) -> Pool:
    """Return the pool that will run the job, by the present settings, not those at the firing."""
    return (repo and repo.runner) or world.policy.runner


def _slot_limits(world: World, run: Run, repo: Repo | None) -> dict[CounterKey, int]:
    """Return the limit of each counter of `run`, by the present settings of its repo."""
    owner = run.blueprint_id
    limits = {blueprint_counter_key(owner): run.max_concurrent} if owner else {}
    if run.repo_url:
        limits[repo_counter_key(run.repo_url)] = (
            repo.max_concurrent_tasks if repo else DEFAULT_RUNS_PER_REPO
        )
    return {**limits, STAGE_COUNTER: world.policy.max_concurrent}


def _admit_run(
    world: World, run: Run, limits: dict[CounterKey, int], pool: Pool
) -> frozenset[CounterKey]:
    """Admit `run`; return the full counters, or none if it was admitted or is no longer queued."""
    now = world.now()
    published = run.stage == Phase.PUBLISH
    new = move_run(
        run,
        State.PROVISIONING,
        by="admission",
        message="admitted",
        at=now,
        provisioned_at=now,
        due_at=now if published or pool == Pool.CODEBUILD else now + RUNNER_REMINDER_INTERVAL,
        waiting_for=None if published else "a build" if pool == Pool.CODEBUILD else "a runner",
        pool=pool,
        launch=run.launch if run.launch and run.launch.is_refused else None,
        failures=run.failures,  # consecutive forge failures are counted across admissions
    )
    for _ in range(2):
        try:
            world.slots.take_slots(new, run, limits)
        except WriteConflict as taken:
            if Part.RUN in taken.parts:
                return frozenset()
            full = frozenset(map(CounterKey, taken.keys_of(Part.COUNTER)))
            dropped = [_drop_lost(world, counter) for counter in sorted(full)]
            if not any(dropped):
                return full
            continue
        telemetry.log_move(world, new, run.state, "admission")
        due_messages.enqueue_if_due_soon(world, [new])
        return frozenset()
    return frozenset(limits)


def _drop_lost(world: World, counter: CounterKey) -> bool:
    """Drop slots of a full counter whose runs hold none; return false if none were dropped.

    A run that moves concurrently prevents it.
    """
    held = sorted(world.run_sets.held_runs(counter))
    runs_by_id = {run.id: run for run in world.runs.get_many(held)}
    lost = {
        run_id: runs_by_id[run_id].version if run_id in runs_by_id else None
        for run_id in held
        if run_id not in runs_by_id or runs_by_id[run_id].state not in HOLDS_SLOT
    }
    if not lost:
        return False
    try:
        world.run_sets.drop_runs(counter, lost)
    except WriteConflict:
        return False
    return True


def _wait_for_stage(world: World, queue_key: QueueKey, due: Run | None) -> bool:
    """Return whether the stage is full, with no lost slots; if so, record the waiting queue."""
    if len(world.run_sets.held_runs(STAGE_COUNTER)) < world.policy.max_concurrent or _drop_lost(
        world, STAGE_COUNTER
    ):
        return False
    rank = due.queue_sort_key if due else world.runs.first_sort_key(queue_key)
    if rank:
        world.waiting_queues.await_stage(queue_key, rank)
    return is_stage_full(world)


def _note_waiting(world: World, keys: Collection[QueueKey]) -> bool:
    """Record the rank at which these queues wait for the stage; return whether it is still full."""
    for key in sorted(keys):
        world.waiting_queues.leave_stage(key)  # the rank of an admitted run is outdated
        rank = world.runs.first_sort_key(key)
        if rank:
            world.waiting_queues.await_stage(key, rank)
    return is_stage_full(world)


def is_stage_full(world: World) -> bool:
    """Return whether all slots of the stage are taken."""
    return len(world.run_sets.held_runs(STAGE_COUNTER)) >= world.policy.max_concurrent
