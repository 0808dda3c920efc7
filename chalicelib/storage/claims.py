"""Claims in DynamoDB: identities that may be used once, until they expire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.firing import Claim
from chalicelib.storage.records import ClaimRecord


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


def read_claim(key: str, now: datetime) -> Claim | None:
    """Return the claim that binds `key` at `now`, if one does."""
    for record in ClaimRecord.batch_get([key], consistent_read=True):
        expires = record.expires_at
        claim = Claim(
            key=record.id,
            digest=record.digest,
            result=record.result,
            expires_at=datetime.fromtimestamp(int(expires), UTC) if expires else None,
        )
        return None if claim.free_at(now) else claim
    return None
