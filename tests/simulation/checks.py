"""Conditions after any storm. Each check reports its findings as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from chalicelib.actions.runs.transitions import MAX_SILENCE, RUNNER_REMINDER_INTERVAL
from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.ids import format_moment
from chalicelib.domain.runs.run import WATCHDOG_SOURCE, Run
from chalicelib.domain.runs.state import ACTIVE_STATES, HOLDS_SLOT, MOVES, State
from chalicelib.domain.triggers import schedule as schedules
from chalicelib.domain.triggers.trigger import OnSchedule, Overlap, Trigger
from tests.simulation.bounds import out_of_bounds
from tests.simulation.outside import untrue_outside
from tests.simulation.simulator import Simulator
from tests.simulation.weather import MOST_SKEW

LIMIT_PER_REPO = 2


def broken(simulator: Simulator) -> list[str]:
    """Return every guarantee that does not hold, in words."""
    history = History(simulator)
    return [
        *covered(history),
        *one_run_each(history),
        *settled(history),
        *moved_along(history),
        *no_edit_lost(history),
        *never_too_many(history),
        *not_while_paused(history),
        *not_overlapping(history),
        *answered_alike(simulator),
        *never_early(history),
        *messages_bounded(history),
        *ledger_unchanged(history),
        *nothing_given_up_early(history),
        *nothing_disabled(history),
        *out_of_bounds(simulator),
        *untrue_outside(simulator),
    ]


class History:
    """The commits of a stage, and what is left in the end."""

    def __init__(self, simulator: Simulator) -> None:
        tables = simulator.world.tables
        self.log: list[list[tuple[str, str, Any, Any]]] = tables.log
        self.firings: list[Firing] = [row[0] for row in simulator.all("firings")]
        self.runs: list[Run] = simulator.all("runs")
        self.triggers: list[Trigger] = simulator.all("triggers")
        self.slots: dict[str, frozenset[str]] = dict(tables.rows["slots"])
        self.now = simulator.clock
        self.policy = simulator.world.policy
        self.sent = simulator.sent

    def versions(self, table: str, key: str) -> Iterator[Any]:
        for commit in self.log:
            for kind, one, _, new in commit:
                if (kind, one) == (table, key) and new is not None:
                    yield new


def covered(history: History) -> Iterator[str]:
    """Every due occurrence is in exactly one record, and no record is of anything else."""
    for trigger in history.triggers:
        if not isinstance(trigger, OnSchedule):
            continue
        due = set(occurrences(history, trigger))
        told: Counter[datetime] = Counter()
        for firing in (one for one in history.firings if one.trigger_id == trigger.id):
            if firing.redelivery_of is None:
                told.update(named(firing, due))
                if firing.count is not None and firing.count != len(named(firing, due)):
                    yield f"a gap of {firing.count} has {len(named(firing, due))} occurrences"
        for moment in sorted(due - set(told)):
            yield f"{format_moment(moment)} of {trigger.schedule.cron!r} vanished"
        for moment, times in told.items():
            if times > 1:
                yield f"{format_moment(moment)} of {trigger.schedule.cron!r} has {times} records"
            if moment not in due:
                yield f"{format_moment(moment)} was never due"


def named(firing: Firing, due: set[datetime]) -> list[datetime]:
    first = datetime.fromisoformat(firing.occurrence)
    if firing.until is None:
        return [first]
    last = datetime.fromisoformat(firing.until)
    return [moment for moment in due if first <= moment <= last]


def occurrences(history: History, trigger: Trigger) -> Iterator[datetime]:
    """Yield what was due of a trigger: by each of its schedules, from its edit to the next one."""
    versions = list(history.versions("triggers", trigger.id)) or [trigger]
    edits = [
        (a, b)
        for a, b in pairwise(versions)
        if b.schedule.timing_fields != a.schedule.timing_fields
    ]
    # What fires up to an edit is due by the old schedule, jitter included; the rest by the new.
    starts = [_since(new, new.updated_at - new.own_jitter) for _, new in edits]
    starts.insert(0, versions[0].created_at - versions[0].own_jitter)
    timings = [versions[0].cron_schedule, *(new.cron_schedule for _, new in edits)]
    ends = [*(_since(new, new.updated_at - old.own_jitter) for old, new in edits), None]
    for start, end, timing in zip(starts, ends, timings, strict=True):
        until = end
        if until is None:
            # The last schedule is followed up to the pointer, which has to be in the future.
            pointer = versions[-1].next_fire_at
            until = (pointer or history.now) - timedelta(microseconds=1)
        yield from schedules.iter_occurrences(timing, after=start, until=until)


def _since(trigger: Trigger, moment: datetime) -> datetime:
    return max(moment, trigger.decided_until or moment)


def one_run_each(history: History) -> Iterator[str]:
    """A record of a fired occurrence has its run, and a run its record."""
    by_firing = Counter(run.firing_id for run in history.runs)
    fired = {one.id: one for one in history.firings if one.outcome is Outcome.FIRED}
    for run in history.runs:
        if run.firing_id not in fired:
            yield f"run {run.id} has no record"
        if by_firing[run.firing_id] > 1:
            yield f"firing {run.firing_id} has {by_firing[run.firing_id]} runs"
    for firing in fired.values():
        if by_firing[firing.id] == 0:
            yield f"{firing.occurrence} says fired and has no run"
    # A ticket that did not fire is looked at anew with its next change.
    twice = Counter(
        (one.trigger_id, one.occurrence)
        for one in history.firings
        if not one.redelivery_of and (one.trigger_type != "ticket" or one.run_id)
    )
    for (source, occurrence), times in twice.items():
        if source and times > 1:
            yield f"{occurrence} has {times} records"


NO_SLOTS = ("queue#", "branch#")
"""Prefixes in the same table that are not slots: waiting queues, and runs by branch."""


def settled(history: History) -> Iterator[str]:
    """In the end every run is final, every slot free, and nothing is overdue."""
    for run in history.runs:
        if not run.is_final:
            yield f"run {run.id} hangs in {run.state}, due at {run.due_at}"
        elif run.due_at is not None:
            yield f"run {run.id} is {run.state} and still due"
    for counter, held in history.slots.items():
        if held and not counter.startswith(NO_SLOTS):
            yield f"{len(held)} slots of {counter} are lost"
    for trigger in history.triggers:
        since = history.now - timedelta(minutes=2)
        if trigger.next_fire_at and trigger.next_fire_at < since:
            yield f"trigger {trigger.id} has been due since {trigger.next_fire_at}"


def moved_along(history: History) -> Iterator[str]:
    """A run moves by the arrows of the state machine, one version at a time, and writes it down."""
    for commit in history.log:
        for kind, key, was, new in commit:
            if kind != "runs" or was is None or new is None:
                continue
            if new.version != was.version + 1:
                yield f"run {key} went from version {was.version} to {new.version}"
            if new.state is not was.state:
                if new.state not in MOVES[was.state]:
                    yield f"run {key} went from {was.state} to {new.state}"
                if not wrote_down(was, new):
                    yield f"run {key} forgot a move"
            if new.attempt < was.attempt:
                yield f"run {key} went back to attempt {new.attempt}"


def no_edit_lost(history: History) -> Iterator[str]:
    """Each write of a blueprint or a trigger is based on the one before it."""
    for commit in history.log:
        for kind, key, was, new in commit:
            if kind not in ("blueprints", "triggers") or was is None or new is None:
                continue
            if new.version != was.version + 1:
                yield f"{kind} {key} went from version {was.version} to {new.version}"


def wrote_down(was: Run, new: Run) -> bool:
    """A move is one more entry, or the newest end of a round without any work."""
    again = new.history[-1].trigger == "watchdog" and new.history[-1].from_state == "provisioning"
    kept = was.history[:-2] if again and len(new.history) < len(was.history) else was.history
    return new.history[:-1] == kept


def never_too_many(history: History) -> Iterator[str]:
    """No more runs work at once than the stage, a repo and a blueprint allow."""
    working: dict[str, Run] = {}
    for commit in history.log:
        for kind, key, _, new in commit:
            if kind == "runs":
                working.pop(key, None)
                if new.state in HOLDS_SLOT:
                    working[key] = new
        if len(working) > history.policy.max_concurrent:
            yield f"{len(working)} runs work at once in the stage"
        repos = Counter(run.repo_url for run in working.values() if run.repo_url)
        if repos and max(repos.values()) > LIMIT_PER_REPO:
            yield f"{max(repos.values())} runs of one repo work at once"
        owners = Counter(run.blueprint_id for run in working.values())
        for owner, number in owners.items():
            # Each minds its own limit when it starts; one that waited in a buffer has the least.
            limits = [run.max_concurrent for run in working.values() if run.blueprint_id == owner]
            if number > max(limits):
                yield f"{number} runs of one definition work at once"


def not_while_paused(history: History) -> Iterator[str]:
    """Nothing fires between the commit of a pause and that of its end."""
    state: dict[tuple[str, str], Any] = {}
    for commit in history.log:
        for kind, _, was, new in commit:
            if kind != "firings" or was is not None or new[0].outcome is not Outcome.FIRED:
                continue
            firing = new[0]
            owner = state.get(("blueprints", firing.blueprint_id))
            trigger = state.get(("triggers", firing.trigger_id))
            if owner is not None and not owner.enabled:
                yield f"{firing.occurrence} fired while its definition was paused"
            # A person may deliver again what a trigger fired that is paused by now.
            if trigger is not None and not trigger.enabled and not firing.redelivery_of:
                yield f"{firing.occurrence} fired while its trigger was paused"
        for kind, key, _, new in commit:
            state[(kind, key)] = new


def not_overlapping(history: History) -> Iterator[str]:
    """Overlap policies hold at the commit of each firing, and at each start."""
    active: dict[str, Run] = {}
    triggers: dict[str, Trigger] = {}
    for commit in history.log:
        triggers |= {key: new for kind, key, _, new in commit if kind == "triggers" and new}
        for kind, key, was, new in commit:
            if kind != "runs":
                continue
            owner = new.blueprint_id
            others = [k for k, run in active.items() if k != key and run.blueprint_id == owner]
            trigger = triggers.get(new.trigger_id or "")
            policy = trigger.overlap_policy if trigger else Overlap.ALLOW
            if was is None and policy is Overlap.SKIP and others:
                yield f"run {key} started beside {len(others)} others although it skips"
            if was is None and policy is Overlap.BUFFER_ONE and len(others) > 1:
                yield f"run {key} waits behind {len(others)} others although one may wait"
            starts = new.state in HOLDS_SLOT and (was is None or was.state not in HOLDS_SLOT)
            if starts and new.cancels:
                yield f"run {key} started before the others were cancelled"
            active.pop(key, None)
            if new.state in ACTIVE_STATES:
                active[key] = new


def answered_alike(simulator: Simulator) -> Iterator[str]:
    """A repeated request got one answer, and accepted requests are there."""
    there = {row[0].id for row in simulator.all("firings")}
    there |= {run.id for run in simulator.all("runs")}
    for asked, answers in simulator.accepted.items():
        if len(answers) > 1:
            yield f"{asked} was answered with {len(answers)} different results"
        for answer in answers:
            if answer not in there:
                yield f"{asked} was accepted and is not there"


def never_early(history: History) -> Iterator[str]:
    """Nothing fires before its time, by the clock of the firing process."""
    for firing in history.firings:
        by_itself = firing.trigger_type == "schedule" and not firing.redelivery_of
        fired = by_itself and firing.outcome is Outcome.FIRED
        if fired and firing.fired_at < datetime.fromisoformat(firing.occurrence):
            yield f"{firing.occurrence} fired early, at {firing.fired_at}"


WRITES_BEHIND = {
    "fire": "triggers",
    "run": "runs",
    "consult": "runs",
    "admit": "runs",
    "sync": "providers",
    "deliver": "deliveries",
}
"""The table whose rows are written before a message of each step is sent."""


def messages_bounded(history: History) -> Iterator[str]:
    """Apart from ticks, a message is sent only by the writer of a row: one for each write.

    A message that found nothing to do and sent the next one would renew itself every minute.
    """
    if not history.log:
        return  # the real stores keep no log of commits
    writes = Counter(
        table for commit in history.log for table, _, was, new in commit if new and new != was
    )
    for step, table in WRITES_BEHIND.items():
        if history.sent[step] > writes[table]:
            yield f"{history.sent[step]} {step!r} messages for {writes[table]} writes of {table}"


def ledger_unchanged(history: History) -> Iterator[str]:
    """A record is written once: no later write changes or removes it."""
    for commit in history.log:
        for table, key, was, new in commit:
            if table == "firings" and was is not None and new != was:
                yield f"record {key} was changed after it was written"


CLOCKS_APART = 2 * MOST_SKEW
"""The most by which the clocks of two processes differ in a storm."""


def nothing_given_up_early(history: History) -> Iterator[str]:
    """A runner with heartbeats is not declared lost, and an admitted run waits for its runner."""
    for commit in history.log:
        for table, key, was, new in commit:
            if table != "runs" or was is None or was.state is new.state:
                continue
            by_watchdog = new.history[-1].trigger == WATCHDOG_SOURCE
            since = {State.RUNNING: was.beat_at, State.PROVISIONING: was.provisioned_at}
            patience = {State.RUNNING: MAX_SILENCE, State.PROVISIONING: RUNNER_REMINDER_INTERVAL}
            if by_watchdog and was.state in patience:
                waited = new.updated_at - (since[was.state] or was.updated_at)
                if waited < patience[was.state] - CLOCKS_APART:
                    yield f"run {key} was given up after {waited} in {was.state}"


def nothing_disabled(history: History) -> Iterator[str]:
    """Weather passes: it disables no trigger, and no step of the pipeline fails a run for it."""
    for commit in history.log:
        for table, key, _, new in commit:
            if table == "triggers" and new and new.disabled_reason:
                yield f"trigger {key} was disabled: {new.disabled_reason}"
            if table == "runs" and new and new.error_class == "internal":
                yield f"run {key} was failed: {new.error_message}"
