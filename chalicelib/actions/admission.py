"""Admission: selects queued runs to start, by priority, then age, within the concurrency limits."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice, repeat

from chalicelib.actions import observing, sending
from chalicelib.actions.moving import RUNNER_WAIT
from chalicelib.domain.launch import CODEBUILD
from chalicelib.domain.repo import Repo
from chalicelib.domain.run import HOLDS_SLOT, PUBLISH, STAGE, Run, State, move
from chalicelib.ports import Taken, World

MOST_AT_ONCE = 50
QUEUES_AT_ONCE, MOST_PASSES = 20, 5
"""The queues that one pass examines, and the passes of one message; another message does the rest.
"""
RUNS_PER_REPO = 2
"""The concurrent runs of a repo that has no settings."""


def admit(world: World, queue_key: str, due: Run | None = None) -> None:
    """Give free slots to the runs in queue `queue_key`, and to those that wait for a stage slot.

    The queues that wait for the stage are merged by rank, so the order of messages does not matter.
    A pass examines only the most urgent queues; queues that wait for something else leave the list,
    so the next pass sees others. `due` takes part even if the index does not contain it yet. Safe
    to repeat and to run concurrently.
    """
    if _no_room(world, queue_key, due):
        return  # Before any queue is read: there may be hundreds, and each waiting run asks again.
    seen: set[str] = set()
    for _ in range(MOST_PASSES):
        listed = world.slots.awaiting_stage(QUEUES_AT_ONCE)
        keys = {*listed, queue_key} - seen
        if not keys or _pass(world, queue_key, keys, due):
            return
        for key in sorted(keys & set(listed)):
            world.slots.leave_stage(key)
        if len(listed) < QUEUES_AT_ONCE:
            return
        seen |= keys
    sending.send_admit(world, [queue_key])


def wake(world: World) -> None:
    """Request an admission if the stage has a free slot and a queue waits for one.

    Freeing a slot already requests one; this recovers lost messages.
    """
    first = world.slots.awaiting_stage(1)
    if first and not is_full(world):
        sending.send_admit(world, first)


def _pass(world: World, queue_key: str, keys: Collection[str], due: Run | None) -> bool:
    """Admit the runs of these queues that may start, by rank; return whether the stage is full."""
    blocked: set[str] = set()
    repos: dict[str, Repo | None] = {}
    admitted = {queue_key}
    for run in _by_rank(world, sorted(keys), blocked, due):
        if blocked & set(run.counters):
            continue
        repo = _repo(world, run, repos)
        full = _take(world, run, _limits(world, run, repo), _pool(world, repo))
        if STAGE in full and _stage_full(world, admitted):
            return True
        if not full:
            admitted.add(run.queue_key)
        blocked |= full - {STAGE}
    return False


def _by_rank(
    world: World, keys: Sequence[str], blocked: Collection[str], due: Run | None
) -> Iterator[Run]:
    """Yield each run that may start, the most urgent of all queues first."""
    queues = [_ready(world, key, blocked) for key in keys]
    alone = [due] if due and _may_start(world, due) else []
    last = None
    for run in heapq.merge(*queues, alone, key=lambda run: run.rank):
        if run.id != last:
            yield run
        last = run.id


def _ready(world: World, key: str, blocked: Collection[str]) -> Iterator[Run]:
    """Yield the runs in queue `key` that may start, in the order of their rank.

    Runs are read in growing batches (1, 5, then `MOST_AT_ONCE`), so that no more are read than
    needed. Iteration ends once `key` is blocked.
    """
    waiting = world.runs.waiting(key)
    for size in chain((1, 5), repeat(MOST_AT_ONCE)):
        some = list(islice(waiting, size))
        for run in world.runs.several(some) if some else ():
            if run.queue_key == key and _may_start(world, run):
                yield run
            if key in blocked:
                return
        if len(some) < size:
            return


def _may_start(world: World, run: Run) -> bool:
    waits = run.state is State.QUEUED and not run.cancels
    return waits and (run.not_before is None or run.not_before <= world.now())


def _repo(world: World, run: Run, repos: dict[str, Repo | None]) -> Repo | None:
    if run.repo_url is None:
        return None
    if run.repo_url not in repos:
        repos[run.repo_url] = world.repos.find(run.repo_url)
    return repos[run.repo_url]


def _pool(world: World, repo: Repo | None) -> str:
    """Return the pool that will run the job, by the present settings, not those at the firing."""
    return (repo and repo.runner) or world.policy.runner


def _limits(world: World, run: Run, repo: Repo | None) -> dict[str, int]:
    """Return the limit of each counter of `run`, by the present settings of its repo."""
    limits = {f"definition#{run.definition_id}": run.max_concurrent} if run.definition_id else {}
    if run.repo_url:
        limits[f"repo#{run.repo_url}"] = repo.max_concurrent_tasks if repo else RUNS_PER_REPO
    return {**limits, STAGE: world.policy.max_concurrent}


def _take(world: World, run: Run, limits: dict[str, int], pool: str) -> frozenset[str]:
    """Admit `run`; return the full counters, or none if it was admitted or is no longer queued."""
    now = world.now()
    published = run.stage == PUBLISH
    new = move(
        run,
        State.PROVISIONING,
        by="admission",
        message="admitted",
        at=now,
        provisioned_at=now,
        due_at=now if published or pool == CODEBUILD else now + RUNNER_WAIT,
        waiting_for=None if published else "a build" if pool == CODEBUILD else "a runner",
        pool=pool,
        launch=None,
        failures=run.failures,  # consecutive forge failures are counted across admissions
    )
    for _ in range(2):
        try:
            world.slots.take(new, run, limits)
        except Taken as taken:
            if "run" in taken.parts:
                return frozenset()
            dropped = [_drop_lost(world, counter) for counter in sorted(taken.parts)]
            if not any(dropped):
                return taken.parts
            continue
        observing.moved(world, new, run.state, "admission")
        sending.send_soon(world, [new])
        return frozenset()
    return frozenset(limits)


def _drop_lost(world: World, counter: str) -> bool:
    """Drop slots of a full counter whose runs hold none; return false if none were dropped.

    A run that moves concurrently prevents it.
    """
    held = sorted(world.slots.held(counter))
    known = {run.id: run for run in world.runs.several(held)}
    lost = {
        run_id: known[run_id].version if run_id in known else None
        for run_id in held
        if run_id not in known or known[run_id].state not in HOLDS_SLOT
    }
    if not lost:
        return False
    try:
        world.slots.drop(counter, lost)
    except Taken:
        return False
    return True


def _no_room(world: World, queue_key: str, due: Run | None) -> bool:
    """Return whether the stage is full, with no lost slots; if so, record the waiting queue."""
    if len(world.slots.held(STAGE)) < world.policy.max_concurrent or _drop_lost(world, STAGE):
        return False
    rank = due.rank if due else world.runs.first_rank(queue_key)
    if rank:
        world.slots.await_stage(queue_key, rank)
    return is_full(world)


def _stage_full(world: World, keys: Collection[str]) -> bool:
    """Record the rank at which these queues wait for the stage; return whether it is still full."""
    for key in sorted(keys):
        world.slots.leave_stage(key)  # the rank of an admitted run is outdated
        rank = world.runs.first_rank(key)
        if rank:
            world.slots.await_stage(key, rank)
    return is_full(world)


def is_full(world: World) -> bool:
    """Return whether all slots of the stage are taken."""
    return len(world.slots.held(STAGE)) >= world.policy.max_concurrent
