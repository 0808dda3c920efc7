"""Who may use how much of what an account has: no queue may starve the API, its hooks and the tick.

Concurrency cannot be reserved for those: Lambda keeps a hundred places unreserved, and a young
account has ten in all.
"""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings

Template = dict[str, Any]
SHARES = {"fire": 20, "steps": 20, "notify": 10}
"""How many percent of the account's places each queue may take; half of them take none."""
FEWEST, MOST = 2, 1000
"""What an event source may be limited to."""
FEW = 100
"""Under so many places, a young account's, people are told to ask for more."""


def of_queue(kind: str) -> Template:
    """Return how many batches of a queue may be worked on at once.

    Without a limit Lambda takes more than there are places for. What it took waits, hidden, and
    comes back after the whole visibility timeout, with a try less.
    """
    share = settings.lambda_limit * SHARES[kind] // 100
    return {"ScalingConfig": {"MaximumConcurrency": min(MOST, max(FEWEST, share))}}


def never_piled_up() -> Template:
    """Return how long an event waits for a place that comes again by itself: no longer than that.

    Lambda would keep it for six hours, and let hundreds of ticks go at once after an outage.
    """
    return {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}


def limit_of(functions: Any) -> int:
    """Return how many functions may run at once in the account, but for what others reserved."""
    return int(functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"])


def sentence(limit: int) -> str:
    """Say how much the account has, and that it is little where it is."""
    few = (
        ": a new account. Ask for more, in Service Quotas under Lambda, before you rely on it"
        if limit < FEW
        else ""
    )
    return f"{limit} functions may run at once in this account{few}"
