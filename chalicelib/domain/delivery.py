"""A delivery: one notice on its way to one webhook, and what became of each try."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from chalicelib.domain.asked_wait import retry_after
from chalicelib.domain.firing import SPACE
from chalicelib.domain.notice import Event, Notice

BACKOFFS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 2 * 3600, 6 * 3600, 12 * 3600)
)
"""How long to wait after each try that failed; after the last one nothing follows."""
LONGEST_WAIT = timedelta(hours=24)
"""A receiver may ask for more patience than that, and does not get it."""
GONE = 410
INTERRUPTED = "the sender was interrupted: it may have arrived"


class Standing(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Try:
    """One try, as it ended: with a status, or with what kept it from one."""

    at: datetime
    milliseconds: int = 0
    code: int | None = None
    error: str | None = None

    @property
    def taken(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def why(self) -> str:
        """What a person reads of a try that failed."""
        return self.error or f"it answered {self.code}"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back of a request, or what kept it from coming."""

    milliseconds: int = 0
    code: int | None = None
    error: str | None = None
    retry_after: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A notice for a webhook. `due_at` is the next try, and a lease while one is made.

    `begun` counts the tries that were begun, so that one whose sender died is counted, too.
    """

    id: str
    webhook_id: str
    event: Event
    body: str
    created_at: datetime
    updated_at: datetime
    standing: Standing = Standing.PENDING
    due_at: datetime | None = None
    begun: int = 0
    tries: tuple[Try, ...] = ()
    once: bool = False
    version: int = 1

    @property
    def place(self) -> str:
        """Where it lies in the list of its webhook, which is how it is found, too."""
        return f"{self.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}#{self.id}"

    @property
    def last(self) -> Try | None:
        return self.tries[-1] if self.tries else None


def to(webhook_id: str, notice: Notice, now: datetime, *, once: bool = False) -> Delivery:
    """Return the delivery of a notice to a webhook: the same one, however often it is made."""
    return Delivery(
        id=str(uuid.uuid5(SPACE, f"delivery#{webhook_id}#{notice.id}")),
        webhook_id=webhook_id,
        event=notice.event,
        body=notice.text,
        created_at=notice.at,
        updated_at=now,
        due_at=now,
        once=once,
    )


def begun(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery:
    """Return a delivery whose next try begins; one that never came to its end failed.

    Where each try so far died with its sender, or failed, there is an end, too: it is given up.
    """
    tries = delivery.tries
    if delivery.begun > len(tries):
        tries = (*tries, Try(at=delivery.updated_at, error=INTERRUPTED))
    new = replace(delivery, begun=len(tries) + 1, tries=tries, updated_at=now)
    if len(tries) > len(BACKOFFS):
        return replace(new, due_at=None, standing=Standing.FAILED)
    return replace(new, due_at=now + lease)


def ended(delivery: Delivery, reply: Reply, at: datetime, now: datetime) -> Delivery:
    """Return a delivery after a try: taken, to be tried again, or given up."""
    tried = Try(at=at, milliseconds=reply.milliseconds, code=reply.code, error=reply.error)
    new = replace(delivery, tries=(*delivery.tries, tried), updated_at=now, due_at=None)
    if tried.taken:
        return replace(new, standing=Standing.DELIVERED)
    number = len(new.tries)
    if reply.code == GONE or delivery.once or number > len(BACKOFFS):
        return replace(new, standing=Standing.FAILED)
    asked = retry_after(reply.retry_after, now) or timedelta(0)
    wait = max(BACKOFFS[number - 1], min(LONGEST_WAIT, asked))
    return replace(new, due_at=now + wait)


def given_up(delivery: Delivery, why: str, now: datetime) -> Delivery:
    """Return a delivery that is not tried any more, with the reason as its last try."""
    tries = (*delivery.tries, Try(at=now, error=why))
    return replace(delivery, tries=tries, updated_at=now, due_at=None, standing=Standing.FAILED)
