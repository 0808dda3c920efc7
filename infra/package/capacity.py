"""Divides the account's Lambda concurrency so that no queue starves the API, webhooks or the tick.

Lambda keeps a hundred places unreserved, and a young account has ten in all. So places are reserved
for the tick only, and only in an account that has them.
"""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings

Template = dict[str, Any]
SHARES = {"fire": 20, "steps": 15, "remote": 10, "notify": 5}
"""How many percent of the account's places each queue may take; half of them take none."""
FEWEST, MOST = 2, 1000
"""The smallest and the largest limit of an event source."""
RESERVED, RESERVE_FROM = 2, 200
"""The places of the tick, and the concurrency of an account in which they are reserved."""
FEW = 100
"""Below this concurrency, which a young account has, the deploy suggests asking for more."""


def of_queue(kind: str) -> Template:
    """Return how many batches of a queue may be worked on at once.

    Without a limit Lambda takes more than there are places for. Those messages wait,
    hidden, and return after the whole visibility timeout, with one attempt less.
    """
    share = settings.account_concurrency * SHARES[kind] // 100
    return {"ScalingConfig": {"MaximumConcurrency": min(MOST, max(FEWEST, share))}}


def never_piled_up() -> Template:
    """Return how long an event waits for a place that comes again by itself: no longer than that.

    Lambda would keep it for six hours, and let hundreds of ticks go at once after an outage.
    """
    return {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}


def tick_reservation() -> Template:
    """Return the reserved places of a function that nothing else may keep from running."""
    if settings.account_concurrency < RESERVE_FROM:
        return {}
    return {"ReservedConcurrentExecutions": RESERVED}


def limit_of(functions: Any) -> int:
    """Return how many functions may run at once in the account, but for what others reserved."""
    return int(functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])


def sentence(limit: int) -> str:
    """Return a sentence about the account's concurrency, with advice if it is low."""
    few = (
        ": a new account. Ask for more, in Service Quotas under Lambda, before you rely on it"
        if limit < FEW
        else ""
    )
    return f"{limit} functions may run at once in this account{few}"
