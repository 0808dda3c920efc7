"""Firings: the kept record of what became of each occurrence, and the identities behind it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SPACE = uuid.UUID("6c1b9a52-7a0e-5f1e-9d8a-0a2c7f5d4e11")
"""The name space of every id that is derived from an occurrence's identity (RFC 9562, UUIDv5)."""


class Outcome(StrEnum):
    """What became of an occurrence."""

    FIRED = "fired"
    SKIPPED = "skipped"
    FAILED = "failed"


class Skip(StrEnum):
    """Why an occurrence that could be read fired nothing."""

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
    """What is long and never changes: the prompt, the params, the payload, the agent's script.

    `events` is what the sender of a delivery called it; None where nothing was delivered.
    """

    prompt: str = ""
    params: str = "{}"
    payload: str | None = None
    agent_command: str | None = None
    environment: dict[str, str] | None = None
    draft: bool = False
    partial_work: str = "branch"
    pr_labels: tuple[str, ...] = ()
    events: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Firing:
    """What became of one occurrence, or of a gap of several."""

    id: str
    occurrence: str
    outcome: Outcome
    fired_at: datetime
    definition_id: str | None = None
    trigger_id: str | None = None
    trigger_type: str = "manual"
    run_id: str | None = None
    reason: str | None = None
    lateness_ms: int = 0
    until: str | None = None
    count: int | None = None
    redelivery_of: str | None = None
    missing_params: tuple[str, ...] = ()

    @property
    def by_itself(self) -> bool:
        """Whether a schedule made it at its moment, or late; not a person, who fires it again."""
        return self.trigger_type == "schedule" and self.redelivery_of is None


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Neighbouring scheduled moments that did not fire: the oldest, the newest, their number."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An identity that may be used once, until it expires."""

    key: str
    digest: str
    result: str
    expires_at: datetime | None

    @property
    def identity(self) -> str:
        """What names the thing that is made under it: a key comes again, once its claim ended."""
        return f"{self.key}@{moment_text(self.expires_at)}" if self.expires_at else self.key

    def free_at(self, now: datetime) -> bool:
        """Whether the claim no longer binds; the store's own clean-up comes late."""
        return self.expires_at is not None and self.expires_at <= now


def firing_id(source: str, identity: str) -> str:
    """Return the id of the firing of `identity` (a moment, a delivery, a ticket) by `source`."""
    return str(uuid.uuid5(SPACE, f"firing#{source}#{identity}"))


def run_id(firing: str) -> str:
    """Return the id of the run that a firing spawns."""
    return str(uuid.uuid5(SPACE, f"run#{firing}"))


def gap(
    passed: Gap,
    reason: Skip,
    *,
    trigger_id: str,
    definition_id: str,
    now: datetime,
) -> Firing:
    """Return the one record of several scheduled moments that did not fire."""
    return Firing(
        id=firing_id(trigger_id, moment_text(passed.first)),
        occurrence=moment_text(passed.first),
        outcome=Outcome.SKIPPED,
        reason=reason.value,
        fired_at=now,
        definition_id=definition_id,
        trigger_id=trigger_id,
        trigger_type="schedule",
        lateness_ms=lateness(passed.first, now),
        until=moment_text(passed.last),
        count=passed.count,
    )


def lateness(occurrence: datetime, now: datetime) -> int:
    """Return by how many milliseconds `now` is later than `occurrence`."""
    return max(0, round((now - occurrence) / timedelta(milliseconds=1)))


def moment_text(moment: datetime) -> str:
    """Return a moment as the contract writes it: ISO-8601, UTC, `Z`, no fraction when whole."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    return f"{text}{fraction}Z"
