"""The rows of the ledger of a blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.firing.firing import Firing, Outcome
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.state import State
from chalicelib.domain.texts.skip_reason import describe_reason
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.web.pages.contexts.marks import StateMark, mark_state


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """A firing with its outcome, or with the state of its run.

    `occurrence` is empty where the kind of the firing already shows it.
    """

    id: str
    mark: StateMark
    run_id: str | None
    trigger_type: str
    is_redelivery: bool
    occurrence: str
    until: str
    count: int | None
    reason: str | None
    lateness: str
    fired_at: datetime


def draw_ledger_row(firing: Firing, run_states: Mapping[RunId, State]) -> LedgerRow:
    """Return the row of a firing."""
    state = run_states.get(firing.run_id) if firing.run_id else None
    has_fired = firing.outcome is Outcome.FIRED
    is_scheduled = firing.trigger_type == TriggerType.SCHEDULE
    return LedgerRow(
        id=firing.id,
        mark=mark_state(state or firing.outcome),
        run_id=firing.run_id,
        trigger_type=firing.trigger_type,
        is_redelivery=firing.redelivery_of is not None,
        occurrence=firing.occurrence if has_own_occurrence(firing) else "",
        until=firing.until or "",
        count=firing.count,
        reason=None if has_fired else describe_reason(firing.reason),
        lateness=f"{firing.lateness_ms} ms late" if has_fired and is_scheduled else "",
        fired_at=firing.fired_at,
    )


def has_own_occurrence(firing: Firing) -> bool:
    """Return whether its occurrence has a name of its own, such as a time or a ticket."""
    return firing.trigger_type != TriggerType.MANUAL and not firing.redelivery_of
