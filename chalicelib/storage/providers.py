"""Ticket providers in DynamoDB; each write requires the version that it is based on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import DueRow, Part
from chalicelib.storage import claims
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.transactions import raise_superseded
from chalicelib.storage.records import ProviderRecord

ONLY_SHARD = "0"
"""A stage has few providers, so one partition of the due index is enough."""


class DynamoProviders:
    """The store of ticket providers."""

    def get(self, provider_id: str) -> TicketProvider:
        try:
            record = ProviderRecord.get(provider_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("provider", provider_id) from None
        return codec.load_json(TicketProvider, record.data)

    def add(self, new: TicketProvider, claim: IdempotencyClaim | None = None) -> None:
        claims.put_claimed(Part.PROVIDER, _to_record(new), claim, new.created_at)

    def put(self, new: TicketProvider, was: TicketProvider) -> None:
        require_next_version(new, was)
        with raise_superseded(f"provider {new.id!r}"):
            _to_record(new).save(condition=ProviderRecord.version == was.version)

    def remove(self, old: TicketProvider) -> None:
        with raise_superseded(f"provider {old.id!r}"):
            _to_record(old).delete(condition=ProviderRecord.version == old.version)

    def list_all(self) -> list[TicketProvider]:
        """Return all providers by name. Scans the table, which is small; nothing hot does so."""
        providers = [codec.load_json(TicketProvider, row.data) for row in ProviderRecord.scan()]
        return sorted(providers, key=lambda provider: (provider.name, provider.id))

    def due_shards(self) -> int:
        return 1

    def iter_due(self, until: datetime, shard: int | None = None) -> Iterator[DueRow]:
        for row in pagination.query_due(ProviderRecord.due, 1, codec.format_sortable(until), shard):
            yield DueRow("provider", row.id, codec.parse_sortable(row.due_at))


def _to_record(provider: TicketProvider) -> ProviderRecord:
    due = provider.due_at
    return ProviderRecord(
        id=provider.id,
        version=provider.version,
        data=codec.dump_json(provider),
        due_shard=ONLY_SHARD if due else None,
        due_at=codec.format_sortable(due) if due else None,
    )
