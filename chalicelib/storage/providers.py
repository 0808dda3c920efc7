"""Ticket providers in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Claim
from chalicelib.domain.provider import Provider
from chalicelib.ports import Due
from chalicelib.storage import claims, codec, pages
from chalicelib.storage.records import ProviderRecord
from chalicelib.storage.transactions import guarded

ONLY_SHARD = "0"
"""A stage has few providers, so one partition of the due index is enough."""


class DynamoProviders:
    """The store of ticket providers."""

    def get(self, provider_id: str) -> Provider:
        try:
            record = ProviderRecord.get(provider_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("provider", provider_id) from None
        return codec.load(Provider, record.data)

    def add(self, new: Provider, claim: Claim | None = None) -> None:
        claims.add("provider", _record(new), claim, new.created_at)

    def put(self, new: Provider, was: Provider) -> None:
        with guarded(f"provider {new.id!r}"):
            _record(new).save(condition=ProviderRecord.version == was.version)

    def remove(self, old: Provider) -> None:
        with guarded(f"provider {old.id!r}"):
            _record(old).delete(condition=ProviderRecord.version == old.version)

    def all(self) -> list[Provider]:
        """Return all providers by name. Scans the table, which is small; nothing hot does so."""
        found = [codec.load(Provider, row.data) for row in ProviderRecord.scan()]
        return sorted(found, key=lambda provider: (provider.name, provider.id))

    def due_shards(self) -> int:
        return 1

    def due(self, until: datetime, shard: int | None = None) -> Iterator[Due]:
        for row in pages.due(ProviderRecord.due, 1, codec.sortable(until), shard):
            yield Due("provider", row.id, codec.moment(row.due_at))


def _record(provider: Provider) -> ProviderRecord:
    due = provider.due_at
    return ProviderRecord(
        id=provider.id,
        version=provider.version,
        data=codec.dump(provider),
        due_shard=ONLY_SHARD if due else None,
        due_at=codec.sortable(due) if due else None,
    )
