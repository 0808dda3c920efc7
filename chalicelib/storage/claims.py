"""Claims in DynamoDB: identities that may be used once, until they expire."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from pynamodb.exceptions import UpdateError
from pynamodb.models import Model

from chalicelib.domain.firing import Claim
from chalicelib.storage.batches import fetch
from chalicelib.storage.records import ClaimRecord
from chalicelib.storage.transactions import Transaction, condition_failed


def claim_record(claim: Claim) -> ClaimRecord:
    """Return the row of a claim."""
    return ClaimRecord(
        id=claim.key,
        digest=claim.digest,
        result=claim.result,
        expires_at=int(claim.expires_at.timestamp()) if claim.expires_at else None,
    )


def absent_or_expired(now: datetime) -> Any:
    """The condition of taking a claim: TTL deletes late, so the time is compared, too."""
    return ClaimRecord.id.does_not_exist() | (ClaimRecord.expires_at <= int(now.timestamp()))


def add(part: str, row: Model, claim: Claim | None, now: datetime) -> None:
    """Put a new row with the claim that it is made under; raise `Taken` where one is there."""
    transaction = Transaction()
    transaction.put(part, row, type(row).id.does_not_exist())  # type: ignore[attr-defined]
    if claim:
        transaction.put("claim", claim_record(claim), absent_or_expired(now))
    transaction.commit()


def read_claim(key: str, now: datetime) -> Claim | None:
    """Return the claim that binds `key` at `now`, if one does."""
    return read_claims([key], now).get(key)


def read_claims(keys: Collection[str], now: datetime) -> dict[str, Claim]:
    """Return the claims that bind some of `keys` at `now`."""
    found = fetch({ClaimRecord: keys})[ClaimRecord] if keys else {}
    claims = {key: _claim(record) for key, record in found.items()}
    return {key: claim for key, claim in claims.items() if not claim.free_at(now)}


def release_claim(claim: Claim, now: datetime) -> None:
    """End a claim, if it is still the one that was read."""
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
