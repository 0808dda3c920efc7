"""Each guarantee broken on purpose: a storm that sees no difference proves nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any
from unittest.mock import patch

from chalicelib.actions import due_messages
from chalicelib.actions.blueprints import blueprints, next_fire
from chalicelib.actions.firing import due_schedules, inbound_webhooks, trigger_failures
from chalicelib.actions.jobs import jobs, reports
from chalicelib.actions.pull_requests import track as pull_request_tracking
from chalicelib.actions.runs import admission, step_failures, transitions
from chalicelib.actions.scheduler import run_due
from chalicelib.actions.scheduler import tick as scheduler_tick
from chalicelib.actions.tickets import sync, tickets
from chalicelib.domain.errors import DomainError
from chalicelib.domain.firing import firing as firings
from chalicelib.domain.runs.run_keys import STAGE_COUNTER
from chalicelib.domain.runs.state import State
from chalicelib.domain.tickets import provider as providers_of_domain
from chalicelib.ports import Part, TriggerChange
from chalicelib.storage import gates
from tests.simulation import memory, outside
from tests.simulation.memory import (
    MemoryFirings,
    MemoryRuns,
    MemoryRunSets,
    MemorySlots,
    MemoryTriggers,
    Write,
    anything,
)

Sabotage = Callable[[], Any]
ALL: dict[str, Sabotage] = {}
SEEN_AS: dict[str, str] = {}
"""A part of the message about a sabotage, if only one check may notice it."""


def breaks(sentence: str, seen_as: str = "") -> Callable[[Sabotage], Sabotage]:
    """Enter a way of breaking things into the table."""

    def enter(how: Sabotage) -> Sabotage:
        ALL[sentence], SEEN_AS[sentence] = how, seen_as
        return how

    return enter


def without_condition(part: Part) -> Any:
    """Drop the condition of one part of the firing's transaction."""
    real = MemoryFirings.writes

    def writes(self: MemoryFirings, decision: Any) -> list[Write]:
        found = real(self, decision)
        return [replace(one, condition=anything) if one.part is part else one for one in found]

    return patch.object(MemoryFirings, "writes", writes)


def any_version() -> Any:
    """Let a write keep the version that it is based on."""
    return patch.object(memory, "put_next", lambda new, was: memory.put(new))


@breaks("the run is written after its record, in a second call")
def in_two_calls() -> Any:
    def commit(self: MemoryFirings, decision: Any) -> None:
        first = [
            one for one in self.writes(decision) if one.part not in (Part.RUN, Part.ACTIVE_RUNS)
        ]
        self._tables.commit(first)
        SIMULATOR[0].before_call()
        second = [one for one in self.writes(decision) if one.part in (Part.RUN, Part.ACTIVE_RUNS)]
        self._tables.commit(second)

    return patch.object(MemoryFirings, "commit_decision", commit)


@breaks("the trigger moves on before its occurrence is written")
@contextmanager
def advance_first() -> Iterator[None]:
    def commit(self: MemoryFirings, decision: Any) -> None:
        if decision.trigger and decision.trigger[0] is not decision.trigger[1]:
            moved = [one for one in self.writes(decision) if one.part is Part.TRIGGER]
            self._tables.commit(moved)
            SIMULATOR[0].before_call()
            decision = replace(decision, trigger=None)
        self._tables.commit(self.writes(decision))

    with patch.object(MemoryFirings, "commit_decision", commit):
        yield


@breaks("an edit of a trigger is no condition of what it fires")
def no_trigger_condition() -> Any:
    def owning(blueprint: Any, *given: Any) -> Any:
        return replace(real(blueprint, *given), version=blueprint.version)

    real = blueprints._with_trigger_ids
    return _both(
        _both(patch.object(blueprints, "_with_trigger_ids", owning), any_version()),
        without_condition(Part.TRIGGER),
    )


@breaks("the definition's version is not a condition of a firing")
def no_blueprint_condition() -> Any:
    return without_condition(Part.BLUEPRINT)


@breaks("an edit moves one gate of its blueprint")
def one_gate_moved() -> Any:
    real = gates.gate_keys
    return patch.object(gates, "gate_keys", lambda blueprint_id: islice(real(blueprint_id), 1))


@breaks("what an overlap policy relied on is not a condition of the firing")
def no_overlap_condition() -> Any:
    return without_condition(Part.ACTIVE_RUNS)


@breaks("a record replaces an earlier one of the same occurrence")
def no_firing_condition() -> Any:
    real = MemoryFirings.writes

    def writes(self: MemoryFirings, decision: Any) -> list[Write]:
        loose = (Part.FIRING, Part.RUN, Part.CLAIM)
        found = real(self, decision)
        return [replace(one, condition=anything) if one.part in loose else one for one in found]

    return patch.object(MemoryFirings, "writes", writes)


@breaks("the ids of firings are random")
def random_ids() -> Any:
    def firing_id(source: str, identity: str) -> str:
        return str(uuid.UUID(int=SIMULATOR[0].ids.getrandbits(128), version=4))

    def writes(self: MemoryFirings, decision: Any) -> list[Write]:
        return real(self, replace(decision, claim=None))

    real = MemoryFirings.writes
    return _both(
        patch.object(firings, "firing_id", firing_id), patch.object(MemoryFirings, "writes", writes)
    )


@breaks("a run is moved without comparing its version")
def no_run_condition() -> Any:
    def put(self: MemoryRuns, new: Any, was: Any) -> None:
        self._tables.commit([Write(Part.RUN, "runs", new.id, anything, memory.put(new))])

    def move(self: MemoryRunSets, new: Any, was: Any, **counters: Any) -> None:
        row = self._tables.get("runs", new.id)
        real(self, new, replace(was, version=row.version), **counters)

    real = MemoryRunSets.move_run
    loose = _both(
        patch.object(MemoryRuns, "put", put), patch.object(MemoryRunSets, "move_run", move)
    )
    return _both(loose, any_version())


@breaks("a slot is freed in a second call, after the move")
def slots_apart() -> Any:
    def move(self: MemoryRunSets, new: Any, was: Any, *, leaves: Any, enters: Any) -> None:
        real(self, new, was, leaves=[], enters=enters)
        SIMULATOR[0].before_call()
        for counter in leaves:
            self._set(counter, memory.without_id(new.id))

    real = MemoryRunSets.move_run
    return patch.object(MemoryRunSets, "move_run", move)


@breaks("a slot is taken without looking whether one is free")
def no_limits() -> Any:
    def take(self: MemorySlots, new: Any, was: Any, limits: dict[str, int]) -> None:
        real(self, new, was, dict.fromkeys(limits, 10**6))

    real = MemorySlots.take_slots
    return patch.object(MemorySlots, "take_slots", take)


@breaks("nobody looks after a run whose runner fell silent")
def no_watchdog() -> Any:
    return patch.object(run_due, "_handle_silent", lambda world, run: None)


@breaks("nobody looks after a run that no runner asked for")
def no_runner_wait() -> Any:
    def advance(world: Any, run: Any, to: Any, **changes: Any) -> Any:
        if to is State.RUNNING:
            changes["due_at"] = None
        return real(world, run, to, **changes)

    real = transitions.transition_run
    return patch.object(transitions, "transition_run", advance)


@breaks("the tick does not look at runs, so that a lost message is lost")
def tick_without_runs() -> Any:
    def tick(world: Any) -> int:
        rows = list(world.triggers.iter_due(world.now() + 2 * world.policy.tick_interval))
        due_messages.enqueue_rows(world, rows)
        return len(rows)

    return patch.object(scheduler_tick, "run_tick", tick)


@breaks("the tick asks only for what is due from now on")
def tick_with_lower_bound() -> Any:
    def tick(world: Any) -> int:
        now = world.now()
        rows = [*world.triggers.iter_due(now + 2 * world.policy.tick_interval)]
        rows += world.runs.iter_due(now + 2 * world.policy.tick_interval)
        due_messages.enqueue_rows(world, [row for row in rows if row.at >= now])
        return len(rows)

    return patch.object(scheduler_tick, "run_tick", tick)


@breaks("a resume writes no record of what the pause passed over")
def no_gap_of_a_pause() -> Any:
    def changed(*given: Any) -> TriggerChange:
        return replace(real(*given), gap=None)

    real = next_fire.reschedule
    return patch.object(next_fire, "reschedule", changed)


@breaks("what an outage swallowed leaves no record")
def no_gap_of_an_outage() -> Any:
    def decision(world: Any, basis: Any, at: Any) -> Any:
        until = world.now() - world.policy.missed_after - basis.trigger.own_jitter
        missed = basis.trigger.find_undecided(until)
        return real(world, basis, missed.last if missed else at)

    real = due_schedules._decide_occurrence
    return _both(
        patch.object(due_schedules, "_find_missed", lambda world, trigger: None),
        patch.object(due_schedules, "_decide_occurrence", decision),
    )


@breaks("a message that comes early fires early")
def early() -> Any:
    return patch.object(due_messages, "wait_until_due", lambda world, at: True)


@breaks("a pause does not take a trigger out of the due index, nor is it looked at")
def pause_is_a_word() -> Any:
    def changed(world: Any, was: Any, new: Any, before: Any, after: Any) -> TriggerChange:
        new = replace(new, version=was.version + 1, updated_at=world.now())
        return TriggerChange(new=replace(new, due_at=new.next_fire_at), was=was)

    real = MemoryTriggers.read_contexts

    def bases(self: MemoryTriggers, *given: Any) -> Any:
        found = real(self, *given)
        return {
            key: replace(basis, blueprint=replace(basis.blueprint, enabled=True))
            for key, basis in found.items()
        }

    return _both(
        patch.object(next_fire, "reschedule", changed),
        patch.object(MemoryTriggers, "read_contexts", bases),
    )


@breaks("a delivery is not claimed, and its id is the moment it came")
def no_claim() -> Any:
    def occurrence(world: Any, *given: Any) -> Any:
        found = real(world, *given)
        return replace(found, claim=None, identity=f"{found.identity} {world.now()}")

    real = inbound_webhooks._make_occurrence
    return patch.object(inbound_webhooks, "_make_occurrence", occurrence)


@breaks("a run that replaces others starts before they are cancelled")
def cancels_are_forgotten() -> Any:
    def may_start(world: Any, run: Any) -> bool:
        return run.state is State.QUEUED

    return patch.object(admission, "_may_start", may_start)


@breaks("the report of an attempt that is over is believed")
def late_reports() -> Any:
    def report(world: Any, run_id: str, attempt: int, end: Any) -> Any:
        run = world.runs.get(run_id)
        if run.state is not State.RUNNING:
            return real(world, run_id, attempt, end)
        moved = real(world, run_id, run.attempt, end)
        world.runs.put(replace(moved, attempt=attempt, version=moved.version + 1), moved)
        return moved

    real = reports.report_attempt
    return patch.object(reports, "report_attempt", report)


@breaks("a failed firing backs off to before its moment")
def backs_off_too_early() -> Any:
    def trigger_failed(world: Any, trigger_id: str, error: Exception) -> Any:
        trigger = world.triggers.get(trigger_id)
        if trigger.due_at is None:
            return []
        due = world.now() + timedelta(seconds=5)
        new = replace(trigger, version=trigger.version + 1, due_at=due)
        world.triggers.save_progress(new, trigger)
        return [new]

    return patch.object(trigger_failures, "count_trigger_failure", trigger_failed)


@breaks("a message that finds nothing due sends the next one")
@contextmanager
def renews_itself() -> Iterator[None]:
    def settle(world: Any, basis: Any, begun: Any) -> Iterator[Any]:
        yield from real(world, basis, begun)
        yield basis.trigger

    real = due_schedules._fire_due_occurrences
    with patch.object(due_schedules, "_fire_due_occurrences", settle):
        yield


@breaks("a failing read pulls the deadline of a running run")
def deadline_is_pulled() -> Any:
    def run_failed(world: Any, run_id: str, error: Exception) -> None:
        run = world.runs.get(run_id)
        if not run.is_final:
            transitions.update_run(world, run, due_at=world.now() + timedelta(seconds=5))

    return patch.object(step_failures, "count_run_failure", run_failed)


@breaks("failures that pass are counted like any other")
def weather_is_counted() -> Any:
    return _both(
        patch.object(memory.MemoryWorld, "is_transient", lambda self, error: False),
        patch.object(trigger_failures, "MAX_FAILURES", 4),
    )


@breaks("a record of the ledger is written again when its run ends")
def ledger_is_rewritten() -> Any:
    def advance(world: Any, run: Any, to: Any, **changes: Any) -> Any:
        new = real(world, run, to, **changes)
        row = world.tables.get("firings", run.firing_id)
        noted = (replace(row[0], reason=to.value), row[1])
        world.tables.commit([Write(Part.FIRING, "firings", row[0].id, anything, memory.put(noted))])
        return new

    real = transitions.transition_run
    return patch.object(transitions, "transition_run", advance)


@breaks("an overdue row is sent once an hour", seen_as="in the storm")
def rarely_sent() -> Any:
    return _both(
        patch.object(scheduler_tick, "FIRST_RESEND_DISTANCES", ()),
        patch.object(scheduler_tick, "MAX_RESEND_DISTANCE", timedelta(hours=1)),
    )


@breaks("a row is sent four minutes after its moment and not before", seen_as="in calm weather")
def sent_late() -> Any:
    def is_wanted(self: Any, row: Any) -> bool:
        return self.began - row.at > timedelta(minutes=4)

    return _both(
        patch.object(due_messages, "enqueue_if_due_soon", lambda world, rows: None),
        patch.object(scheduler_tick._Tick, "_is_wanted", is_wanted),
    )


@breaks("a tick sends what it read twice", seen_as="twice")
def sends_twice() -> Any:
    def send(self: Any, rows: list[Any]) -> None:
        real(self, [*rows, *rows])

    real = scheduler_tick._Tick._send_rows
    return patch.object(scheduler_tick._Tick, "_send_rows", send)


@breaks("a run that is admitted is not counted in the stage", seen_as="and not counted in stage")
def uncounted() -> Any:
    def take(self: MemorySlots, new: Any, was: Any, limits: dict[str, int]) -> None:
        real(self, new, was, {key: limit for key, limit in limits.items() if key != STAGE_COUNTER})

    real = MemorySlots.take_slots
    return patch.object(MemorySlots, "take_slots", take)


@breaks("a run that ends stays among the active ones", seen_as="and counted in")
def stays_active() -> Any:
    def move(self: MemoryRunSets, new: Any, was: Any, *, leaves: Any, enters: Any) -> None:
        real(self, new, was, leaves=set(leaves) - {was.overlap_key}, enters=enters)

    real = MemoryRunSets.move_run
    return patch.object(MemoryRunSets, "move_run", move)


@breaks("the title of a run grows with each move", seen_as="characters")
def grows() -> Any:
    def advance(world: Any, run: Any, to: Any, *, message: str, **changes: Any) -> Any:
        changes["title"] = run.title + 1000 * message
        return real(world, run, to, message=message, **changes)

    real = transitions.transition_run
    return patch.object(transitions, "transition_run", advance)


@breaks("a beat is answered and not written down", seen_as="was heard of")
def beats_unwritten() -> Any:
    return patch.object(jobs, "_note_heartbeat", lambda *given, **named: None)


@breaks("a definition is paused for runs that went well", seen_as="which is no failure")
def paused_for_nothing() -> Any:
    def advance(world: Any, run: Any, to: Any, **changes: Any) -> Any:
        new = real(world, run, to, **changes)
        if to is State.COMPLETED and new.blueprint_id:
            owner = world.blueprints.get(new.blueprint_id)
            broken_by = new.history[-1].id
            paused = replace(owner, enabled=False, paused_reason="no", broken_by=broken_by)
            blueprints.change_blueprint(world, owner, paused)
        return new

    real = transitions.transition_run
    return patch.object(transitions, "transition_run", advance)


@breaks("a reply does not look for the comment that is there", seen_as="comments of run")
def comments_again() -> Any:
    return patch.object(outside.Tracker, "find_comment", lambda *given: None)


@breaks("errors of a tracker that pass are counted against it", seen_as="provider")
def tracker_is_counted() -> Any:
    return _both(
        patch.object(sync, "delay_after_outage", sync.fail_sync),
        patch.object(providers_of_domain, "MAX_FAILURES", 2),
    )


@breaks("a ticket whose firing fails is passed over", seen_as="is in no record of")
def tickets_passed_over() -> Any:
    def settle(*given: Any) -> Iterator[Any]:
        with suppress(Exception):
            yield from real(*given)

    real = tickets.fire_matching_tickets
    return patch.object(tickets, "fire_matching_tickets", settle)


@breaks("open pull requests are not counted", seen_as="not counted in open_prs")
def open_prs_uncounted() -> Any:
    return patch.object(transitions, "_open_pr_sets", lambda one, other: [])


@breaks("a run is done as soon as it was looked at", seen_as="and its pull request open")
def done_at_once() -> Any:
    def track(world: Any, run: Any) -> None:
        transitions.transition_run(world, run, State.COMPLETED, by="pull request", message="done")

    return patch.object(pull_request_tracking, "track_pull_request", track)


@breaks("a publish opens a pull request whatever there is", seen_as="pull requests were opened")
def opened_again() -> Any:
    return patch.object(outside.Forge, "find_pull_request", lambda *given: None)


SIMULATOR: list[Any] = []
"""The current simulator, for sabotages that let time pass between two calls."""


@contextmanager
def _both(first: Any, second: Any) -> Iterator[None]:
    with first, second:
        yield


def caught_by(sentence: str, seeds: Iterable[int]) -> tuple[int, str] | None:
    """Return the first seed that notices this sabotage, and its message; None if there is none."""
    from tests.simulation.checks import broken
    from tests.simulation.simulator import Simulator

    for seed in seeds:
        simulator = Simulator(seed, hours=1.5)
        SIMULATOR[:] = [simulator]
        with ALL[sentence]():
            try:
                found = broken(simulator.run())
            except (AssertionError, DomainError) as error:
                found = [f"it cannot go on: {error}"]
        for words in found:
            if SEEN_AS[sentence] in words:
                return seed, words
    return None
