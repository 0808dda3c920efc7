"""Conditions at every commit and at every tick: counters, sizes, deadlines and messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.actions.jobs.jobs import HEARTBEAT_WRITE_INTERVAL
from chalicelib.actions.runs.transitions import MAX_SILENCE
from chalicelib.domain.runs.run import WATCHDOG_SOURCE, Run
from chalicelib.domain.runs.state import ACTIVE_STATES, HOLDS_SLOT, State
from chalicelib.storage.dynamo import codec
from tests.simulation.simulator import Simulator
from tests.simulation.weather import MOST_SKEW

UNCOUNTED = ("waiting", "branch#")
"""Prefixes in the table of counters that do not count runs by their state."""
MOST_CHARACTERS = {"runs": 64_000, "firings": 16_000, "blueprints": 8_000, "triggers": 8_000}
"""The limit of a row's size after some hours: a tenth of a table's limit, and less."""
MOST_OTHER = 8_000


def out_of_bounds(simulator: Simulator) -> list[str]:
    """Return every bound that does not hold, in words."""
    log = simulator.world.tables.log
    return [
        *sorted(simulator.overdue),
        *sent_twice(simulator),
        *miscounted(log),
        *too_long(simulator),
        *healthy_runner_lost(simulator),
        *paused_without_failure(log),
    ]


def sent_twice(simulator: Simulator) -> Iterator[str]:
    """A tick sends one message for a row at most, so ticks and due rows bound what they send."""
    if simulator.sent_twice:
        yield f"one tick sent {simulator.sent_twice} twice"


def miscounted(log: list[list[tuple[str, str, Any, Any]]]) -> Iterator[str]:
    """After every commit, each counter holds the runs in its states, and no other."""
    runs: dict[str, Run] = {}
    held: dict[str, frozenset[str]] = {}
    for commit in log:
        touched = {key for kind, key, _, _ in commit if kind == "runs"}
        for kind, key, was, new in commit:
            if kind == "runs" and new is not None:
                runs[key] = new
            elif kind == "slots" and not key.startswith(UNCOUNTED):
                touched |= (new or frozenset()) ^ (was or frozenset())
                held[key] = new or frozenset()
        for key in sorted(touched & runs.keys()):
            yield from _miscounted(runs[key], held)


def _miscounted(run: Run, held: Mapping[str, frozenset[str]]) -> Iterator[str]:
    works, active = run.state in HOLDS_SLOT, run.state in ACTIVE_STATES
    expected = dict.fromkeys(run.slot_ids, works)
    if run.overlap_key:
        expected[run.overlap_key] = active
    if run.blueprint_id:
        expected[f"open_prs#{run.blueprint_id}"] = run.has_open_pr
    for counter, counted in expected.items():
        if (run.id in held.get(counter, ())) is not counted:
            yield f"run {run.id} is {run.state} and {'not ' if counted else ''}counted in {counter}"


def too_long(simulator: Simulator) -> Iterator[str]:
    """No row grows with what happens to it, beyond what its table is meant for."""
    for table, rows in simulator.world.tables.rows.items():
        most = MOST_CHARACTERS.get(table, MOST_OTHER)
        for key, row in rows.items():
            whole = sorted(row) if isinstance(row, frozenset) else row
            parts = whole if isinstance(whole, list | tuple) else (whole,)
            length = sum(len(codec.dump_json(part)) for part in parts if part is not None)
            if length > most:
                yield f"{key} of {table} has {length} characters"


def healthy_runner_lost(simulator: Simulator) -> Iterator[str]:
    """The watchdog takes no run from a runner that was answered lately, and more than once.

    The last answer may have been given in the same moment in which the run was taken.
    """
    patience = MAX_SILENCE - HEARTBEAT_WRITE_INTERVAL - 2 * MOST_SKEW
    for commit in simulator.world.tables.log:
        for table, key, was, new in commit:
            if table != "runs" or was is None or was.state is not State.RUNNING:
                continue
            if new.state is State.RUNNING or new.history[-1].trigger != WATCHDOG_SOURCE:
                continue
            heard = simulator.heard.get((key, was.attempt), ())
            waits = sorted(new.updated_at - at for at in heard if at <= new.updated_at)
            if len(waits) > 1 and waits[1] < patience:
                yield f"the runner of {key} was heard of {waits[1]} before it was given up"


def paused_without_failure(log: list[list[tuple[str, str, Any, Any]]]) -> Iterator[str]:
    """The breaker pauses a blueprint for a failed run, never for a transient failure."""
    entries: dict[str, Any] = {}
    for commit in log:
        for table, key, was, new in commit:
            if table == "runs" and new is not None:
                entries |= {entry.id: entry for entry in new.history}
            if table == "blueprints" and was and new and new.broken_by != was.broken_by:
                entry = entries.get(new.broken_by)
                if new.broken_by and (entry is None or entry.to_state != State.FAILED):
                    yield f"definition {key} was paused by {new.broken_by}, which is no failure"
