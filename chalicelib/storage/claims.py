"""Claims in DynamoDB: keys that may be used once until they expire."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from pynamodb.exceptions import UpdateError
from pynamodb.models import Model

from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.ports import Part
from chalicelib.storage.dynamo.batch_get import fetch_rows
from chalicelib.storage.dynamo.transactions import Transaction, is_condition_failure
from chalicelib.storage.records import ClaimRecord


def take_claim(transaction: Transaction, claim: IdempotencyClaim | None, now: datetime) -> None:
    """Add a claim, if given, to a transaction, which fails if the claim still binds at `now`."""
    if claim:
        # DynamoDB deletes expired rows late, so the time is also compared.
        expired = ClaimRecord.expires_at <= int(now.timestamp())
        transaction.add_put(
            Part.CLAIM, _to_record(claim), ClaimRecord.id.does_not_exist() | expired
        )


def _to_record(claim: IdempotencyClaim) -> ClaimRecord:
    return ClaimRecord(
        id=claim.key,
        digest=claim.digest,
        result=claim.result,
        expires_at=int(claim.expires_at.timestamp()) if claim.expires_at else None,
    )


def put_claimed(part: Part, row: Model, claim: IdempotencyClaim | None, now: datetime) -> None:
    """Put a new row with its claim; raise `WriteConflict` if either exists."""
    transaction = Transaction()
    transaction.add_put(part, row, type(row).id.does_not_exist())  # type: ignore[attr-defined]
    take_claim(transaction, claim, now)
    transaction.commit_all()


def read_claims(keys: Collection[str], now: datetime) -> dict[str, IdempotencyClaim]:
    """Return the claims with these keys that bind at `now`, in consistent reads."""
    records = fetch_rows({ClaimRecord: keys})[ClaimRecord] if keys else {}
    claims = {key: _from_record(record) for key, record in records.items()}
    return {key: claim for key, claim in claims.items() if not claim.is_free_at(now)}


def release_claim(claim: IdempotencyClaim, now: datetime) -> None:
    """End a claim, unless it has another result by now."""
    try:
        ClaimRecord(id=claim.key).update(
            actions=[ClaimRecord.expires_at.set(int(now.timestamp()))],
            condition=ClaimRecord.result == claim.result,
        )
    except UpdateError as error:
        if not is_condition_failure(error):
            raise


def _from_record(record: ClaimRecord) -> IdempotencyClaim:
    expires = record.expires_at
    return IdempotencyClaim(
        key=record.id,
        digest=record.digest,
        result=record.result,
        expires_at=datetime.fromtimestamp(int(expires), UTC) if expires else None,
    )
