"""The one way to fire: decides an occurrence, writes it, and decides again after a lost race."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from chalicelib.actions import telemetry
from chalicelib.actions.notifications import announce
from chalicelib.domain.errors import Busy
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.ports import Part, World, WriteConflict

Decide = Callable[[FiringContext], Decision | None]
"""Returns the decision under a configuration, or None if the occurrence no longer applies."""


class Patience(IntEnum):
    """How often an occurrence is decided if other writers change its configuration each time."""

    WEBHOOK = 3
    """A sender waits for its answer, and repeats what was not accepted."""
    TICKET = 5
    SCHEDULE = 10
    """The trigger stays due, so that the next tick continues."""

    @property
    def busy_writes(self) -> int:
        """How often it writes while others hold the rows; the store waits two seconds each time."""
        return {Patience.WEBHOOK: 1, Patience.TICKET: 2, Patience.SCHEDULE: 3}[self]


class WriteResult(Enum):
    """The result of writing a decision once."""

    WRITTEN = auto()
    CLAIM_HELD = auto()
    """The occurrence was decided before, under the same claim."""
    ID_USED = auto()
    """The occurrence was decided before, with the same id."""
    TRIGGER_MOVED = auto()
    """Another process moved the trigger on."""
    CHANGED = auto()
    """The configuration was changed concurrently."""


ALREADY_DECIDED = frozenset({WriteResult.CLAIM_HELD, WriteResult.ID_USED})


@dataclass(frozen=True, kw_only=True)
class Fired:
    """The decision was written: a firing, with or without a run, under this configuration."""

    decision: Decision
    context: FiringContext


@dataclass(frozen=True, kw_only=True)
class AlreadyFired:
    """The occurrence was decided before, and nothing was written.

    `by_claim` is true if its claim is held, and false if only its id is used.
    """

    decision: Decision
    context: FiringContext
    by_claim: bool


@dataclass(frozen=True)
class Stale:
    """Nothing was written: the configuration was changed concurrently, as often as was tried."""


@dataclass(frozen=True)
class Gone:
    """Nothing was written: the trigger was removed, or the occurrence no longer applies to it."""


FireResult = Fired | AlreadyFired | Stale | Gone


def fire_occurrence(
    world: World, context: FiringContext, decide: Decide, patience: Patience
) -> FireResult:
    """Write the decision about an occurrence, once, under the configuration that is then valid.

    A decision that moves its trigger on is not decided again if another process moved the trigger.
    Raises `Busy` if others held the rows for longer than the patience.
    """
    busy_writes = 0
    for attempt in range(patience):
        present = _read_again(world, context) if attempt else context
        decision = decide(present) if present else None
        if present is None or decision is None:
            return Gone()
        context = present
        try:
            commit_decision(world, decision)
        except Busy:
            busy_writes += 1
            if busy_writes == patience.busy_writes:
                raise
            continue
        except WriteConflict as taken:
            result = _result_of(decision, taken)
            if result in ALREADY_DECIDED:
                by_claim = result is WriteResult.CLAIM_HELD
                return AlreadyFired(decision=decision, context=context, by_claim=by_claim)
            if result is WriteResult.TRIGGER_MOVED:
                return Stale()
            continue
        return Fired(decision=decision, context=context)
    return Stale()


def write_decision(world: World, decision: Decision) -> WriteResult:
    """Write a decision once, and announce it.

    Persons fire this way: they see a change that they did not know of, and decide themselves.
    """
    try:
        commit_decision(world, decision)
    except WriteConflict as taken:
        return _result_of(decision, taken)
    return WriteResult.WRITTEN


def _result_of(decision: Decision, taken: WriteConflict) -> WriteResult:
    """Return the reason why a decision was not written."""
    if _moves_trigger(decision) and Part.TRIGGER in taken.parts:
        return WriteResult.TRIGGER_MOVED
    if Part.CLAIM in taken.parts:
        return WriteResult.CLAIM_HELD
    is_decided = taken.parts & {Part.FIRING, Part.RUN}
    return WriteResult.ID_USED if is_decided else WriteResult.CHANGED


def _moves_trigger(decision: Decision) -> bool:
    return decision.trigger is not None and decision.trigger[0] is not decision.trigger[1]


def _read_again(world: World, context: FiringContext) -> FiringContext | None:
    """Return the present configuration of a trigger, None if the trigger was removed."""
    pair = (context.trigger.id, context.trigger.blueprint_id)
    return world.triggers.read_contexts([pair]).get(context.trigger.id)


def commit_decision(world: World, decision: Decision) -> None:
    """Write a decision and announce it; raise `WriteConflict` with the conflicting parts."""
    announce.announce_firings(world, [decision.firing])
    world.firings.commit_decision(decision)
    telemetry.log_firing(world, decision.firing)
