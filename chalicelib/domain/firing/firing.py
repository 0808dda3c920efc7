"""Firings: the ledger's record of each occurrence, and the ids that are derived from it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.blueprints.blueprint import PartialWork
from chalicelib.domain.ids import (
    ID_NAMESPACE,
    BlueprintId,
    FiringId,
    RunId,
    TriggerId,
    format_moment,
)
from chalicelib.domain.pool import ComputeType
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.gap import MissedGap


class Outcome(StrEnum):
    """The result of an occurrence."""

    FIRED = "fired"
    SKIPPED = "skipped"
    FAILED = "failed"


class Skip(StrEnum):
    """The reason why a valid occurrence created no run."""

    PAUSED = "paused"
    FILTERED = "filtered"
    OVERLAP = "overlap"
    OPEN_PR = "open_pr"
    UNCHANGED = "unchanged"
    MISSING_PARAMS = "missing_params"
    MISSED = "missed"
    LOOP = "loop"
    BACKLOG = "backlog"
    PING = "ping"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, kw_only=True)
class Brief:
    """The long, immutable texts of a run: the prompt, the params, the payload, the agent's script.

    `events` are the event names of the delivery; None if there was no delivery.
    """

    prompt: str = ""
    params: str = "{}"
    payload: str | None = None
    agent_command: str | None = None
    image: str | None = None
    compute_type: ComputeType | None = None
    environment: dict[str, str] | None = None
    draft: bool = False
    partial_work: PartialWork = PartialWork.BRANCH
    pr_labels: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Firing:
    """The record of one occurrence, or of a gap of several."""

    id: FiringId
    occurrence: str
    outcome: Outcome
    fired_at: datetime
    blueprint_id: BlueprintId | None = None
    trigger_id: TriggerId | None = None
    trigger_type: TriggerType = TriggerType.MANUAL
    run_id: RunId | None = None
    reason: str | None = None
    lateness_ms: int = 0
    until: str | None = None
    count: int | None = None
    redelivery_of: FiringId | None = None
    missing_params: tuple[str, ...] = ()

    @property
    def is_automatic(self) -> bool:
        """Return whether a schedule fired it, on time or late, and no person redelivered it."""
        return self.trigger_type == TriggerType.SCHEDULE and self.redelivery_of is None


@dataclass(frozen=True, kw_only=True)
class IdempotencyClaim:
    """An idempotency key that may be used once until it expires."""

    key: str
    digest: str
    result: str
    expires_at: datetime | None

    @property
    def result_identity(self) -> str:
        """The identity that ids are derived from; it changes when an expired key is used again."""
        return f"{self.key}@{format_moment(self.expires_at)}" if self.expires_at else self.key

    def is_free_at(self, now: datetime) -> bool:
        """Return whether the claim has expired; DynamoDB deletes expired rows late."""
        return self.expires_at is not None and self.expires_at <= now


def firing_id(source: str, identity: str) -> FiringId:
    """Return the id of the firing of `result_identity` (a time, a delivery, a
    ticket) by `source`.
    """
    return FiringId(str(uuid.uuid5(ID_NAMESPACE, f"firing#{source}#{identity}")))


def run_id(firing: FiringId) -> RunId:
    """Return the id of the run that a firing creates."""
    return RunId(str(uuid.uuid5(ID_NAMESPACE, f"run#{firing}")))


def gap_firing(
    passed: MissedGap,
    reason: Skip,
    *,
    trigger_id: TriggerId,
    blueprint_id: BlueprintId,
    now: datetime,
) -> Firing:
    """Return the single record of several scheduled occurrences that did not fire."""
    return Firing(
        id=firing_id(trigger_id, format_moment(passed.first)),
        occurrence=format_moment(passed.first),
        outcome=Outcome.SKIPPED,
        reason=reason.value,
        fired_at=now,
        blueprint_id=blueprint_id,
        trigger_id=trigger_id,
        trigger_type=TriggerType.SCHEDULE,
        lateness_ms=lateness_ms_of(passed.first, now),
        until=format_moment(passed.last),
        count=passed.count,
    )


def lateness_ms_of(occurrence: datetime, now: datetime) -> int:
    """Return by how many milliseconds `now` is later than `occurrence`, at least 0."""
    return max(0, round((now - occurrence) / timedelta(milliseconds=1)))
