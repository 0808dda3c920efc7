"""Claims in DynamoDB: keys that may be used once until they expire."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from pynamodb.exceptions import UpdateError
from pynamodb.models import Model

from chalicelib.domain.firing import Claim
from chalicelib.storage.batches import fetch
from chalicelib.storage.records import ClaimRecord
from chalicelib.storage.transactions import Transaction, condition_failed


def take(transaction: Transaction, claim: Claim | None, now: datetime) -> None:
    """Add a claim, if given, to a transaction, which fails if the claim still binds at `now`."""
    if claim:
        # DynamoDB deletes expired rows late, so the time is also compared.
        expired = ClaimRecord.expires_at <= int(now.timestamp())
        transaction.put("claim", _record(claim), ClaimRecord.id.does_not_exist() | expired)


def _record(claim: Claim) -> ClaimRecord:
    return ClaimRecord(
        id=claim.key,
        digest=claim.digest,
        result=claim.result,
        expires_at=int(claim.expires_at.timestamp()) if claim.expires_at else None,
    )


def add(part: str, row: Model, claim: Claim | None, now: datetime) -> None:
    """Put a new row with its claim; raise `Taken` if either exists."""
    transaction = Transaction()
    transaction.put(part, row, type(row).id.does_not_exist())  # type: ignore[attr-defined]
    take(transaction, claim, now)
    transaction.commit()


def read(keys: Collection[str], now: datetime) -> dict[str, Claim]:
    """Return the claims with these keys that bind at `now`, in consistent reads."""
    found = fetch({ClaimRecord: keys})[ClaimRecord] if keys else {}
    known = {key: _claim(record) for key, record in found.items()}
    return {key: claim for key, claim in known.items() if not claim.free_at(now)}


def release(claim: Claim, now: datetime) -> None:
    """End a claim, unless it has another result by now."""
    try:
        ClaimRecord(id=claim.key).update(
            actions=[ClaimRecord.expires_at.set(int(now.timestamp()))],
            condition=ClaimRecord.result == claim.result,
        )
    except UpdateError as error:
        if not condition_failed(error):
            raise


def _claim(record: ClaimRecord) -> Claim:
    expires = record.expires_at
    return Claim(
        key=record.id,
        digest=record.digest,
        result=record.result,
        expires_at=datetime.fromtimestamp(int(expires), UTC) if expires else None,
    )
