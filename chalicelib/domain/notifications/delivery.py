"""Deliveries: one notice for one webhook endpoint, with the result of each attempt."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.ids import ID_NAMESPACE
from chalicelib.domain.notifications.notification import Event, Notification
from chalicelib.domain.page import list_position
from chalicelib.domain.retry_after import parse_retry_after

RETRY_DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 2 * 3600, 6 * 3600, 12 * 3600)
)
"""The wait after each failed attempt. No attempt follows the last one."""
MAX_RETRY_DELAY = timedelta(hours=24)
"""The longest wait that a receiver's `Retry-After` can request."""
STATUS_GONE = 410
INTERRUPTED_MESSAGE = "the sender was interrupted: it may have arrived"


class Standing(StrEnum):
    """The status of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    """One finished attempt: an HTTP status code, or the error that prevented a response."""

    at: datetime
    milliseconds: int = 0
    code: int | None = None
    error: str | None = None

    @property
    def is_accepted(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def failure_reason(self) -> str:
        """The reason of a failed attempt, for people."""
        return self.error or f"it answered {self.code}"


@dataclass(frozen=True, kw_only=True)
class HttpResult:
    """The response to a request, or the error that prevented one."""

    milliseconds: int = 0
    code: int | None = None
    error: str | None = None
    retry_after: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A notification for one webhook endpoint. `due_at` is the next attempt, or a lease during one.

    `start_attempt` counts started attempts, so an attempt whose sender died also counts.
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
    tries: tuple[DeliveryAttempt, ...] = ()
    once: bool = False
    version: int = 1

    @property
    def list_position(self) -> str:
        """The sort key of the delivery in its endpoint's list, which also locates it."""
        return list_position(self.created_at, self.id)

    @property
    def last_attempt(self) -> DeliveryAttempt | None:
        return self.tries[-1] if self.tries else None


def delivery_for(
    webhook_id: str, notification: Notification, now: datetime, *, is_single_attempt: bool = False
) -> Delivery:
    """Return the delivery of a notice to a webhook endpoint. Its id depends on these two alone."""
    return Delivery(
        id=str(uuid.uuid5(ID_NAMESPACE, f"delivery#{webhook_id}#{notification.id}")),
        webhook_id=webhook_id,
        event=notification.event,
        body=notification.to_json,
        created_at=notification.at,
        updated_at=now,
        due_at=now,
        once=is_single_attempt,
    )


def start_attempt(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery:
    """Return a delivery with one more started attempt and a lease of length `lease`.

    An earlier attempt without a result is recorded as interrupted. A delivery whose attempts are
    used up is marked as failed instead.
    """
    tries = delivery.tries
    if delivery.begun > len(tries):
        tries = (*tries, DeliveryAttempt(at=delivery.updated_at, error=INTERRUPTED_MESSAGE))
    new = replace(delivery, begun=len(tries) + 1, tries=tries, updated_at=now)
    if len(tries) > len(RETRY_DELAYS):
        return replace(new, due_at=None, standing=Standing.FAILED)
    return replace(new, due_at=now + lease)


def finish_attempt(delivery: Delivery, reply: HttpResult, at: datetime, now: datetime) -> Delivery:
    """Return a delivery after an attempt: delivered, scheduled for a retry, or failed."""
    tried = DeliveryAttempt(
        at=at, milliseconds=reply.milliseconds, code=reply.code, error=reply.error
    )
    new = replace(delivery, tries=(*delivery.tries, tried), updated_at=now, due_at=None)
    if tried.is_accepted:
        return replace(new, standing=Standing.DELIVERED)
    number = len(new.tries)
    if reply.code == STATUS_GONE or delivery.once or number > len(RETRY_DELAYS):
        return replace(new, standing=Standing.FAILED)
    requested_delay = parse_retry_after(reply.retry_after, now) or timedelta(0)
    wait = max(RETRY_DELAYS[number - 1], min(MAX_RETRY_DELAY, requested_delay))
    return replace(new, due_at=now + wait)


def abandon_delivery(delivery: Delivery, why: str, now: datetime) -> Delivery:
    """Return a delivery that is not retried, with `failure_reason` as its last attempt."""
    tries = (*delivery.tries, DeliveryAttempt(at=now, error=why))
    return replace(delivery, tries=tries, updated_at=now, due_at=None, standing=Standing.FAILED)
