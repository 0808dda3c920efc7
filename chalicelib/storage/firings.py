"""The ledger in DynamoDB, and the transaction that writes a firing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.decision import Decision
from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing import Brief, Claim, Firing
from chalicelib.domain.run import Run
from chalicelib.storage import claims, codec, pages
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.records import (
    BlueprintRecord,
    FiringRecord,
    RunRecord,
    SlotRecord,
    TriggerRecord,
)
from chalicelib.storage.rows import firing_row, trigger_row
from chalicelib.storage.runs import record_of as run_record
from chalicelib.storage.transactions import Transaction, condition_failed


class DynamoFirings:
    """The store of firings."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def commit(self, decision: Decision) -> None:
        """Write the firing, the run and the trigger, or raise `Taken` and write nothing."""
        firing = decision.firing
        transaction = Transaction()
        row = firing_row(firing, self._kept(decision))
        transaction.put("firing", row, FiringRecord.id.does_not_exist())
        if decision.run:
            transaction.put("run", run_record(decision.run), RunRecord.id.does_not_exist())
            _enter(transaction, decision.run, decision.active)
        if definition := decision.definition:
            same = BlueprintRecord.version == definition.version
            transaction.check("definition", BlueprintRecord, definition.id, same)
        if decision.trigger:
            before, after = decision.trigger
            unchanged = TriggerRecord.version == before.version
            if after is before:
                transaction.check("trigger", TriggerRecord, before.id, unchanged)
            else:
                transaction.put("trigger", trigger_row(after), unchanged)
        claims.take(transaction, decision.claim, firing.fired_at)
        transaction.commit()

    def _kept(self, decision: Decision) -> bytes | None:
        if decision.brief is None:
            return None
        packed = codec.pack(decision.brief)
        return self._blobs.keep(f"firings/{decision.firing.id}", packed)

    def get(self, firing_id: str) -> Firing:
        return codec.load(Firing, self._row(firing_id).data)

    def brief(self, firing_id: str) -> Brief | None:
        kept = self._row(firing_id).brief
        return codec.unpack(Brief, self._blobs.fetch(kept)) if kept else None

    def keep(self, firing_id: str, until: datetime) -> None:
        """Extend the expiry of a record and its brief to `until`, if they still exist."""
        try:
            row = self._row(firing_id)
        except NotFound:
            return
        if row.brief:
            self._blobs.renew(row.brief)
        row.expires_at = max(int(row.expires_at), int(until.timestamp()))
        try:
            row.save(condition=FiringRecord.id.exists())
        except PutError as error:
            if not condition_failed(error):
                raise

    def _row(self, firing_id: str) -> FiringRecord:
        try:
            return FiringRecord.get(firing_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("firing", firing_id) from None

    def claimed(self, key: str, now: datetime) -> Claim | None:
        return self.claims([key], now).get(key)

    def claims(self, keys: Collection[str], now: datetime) -> dict[str, Claim]:
        return claims.read(keys, now)

    def release(self, claim: Claim, now: datetime) -> None:
        claims.release(claim, now)

    def of_definition(
        self, definition_id: str, before: str | None, limit: int
    ) -> tuple[list[Firing], str | None]:
        rows = pages.newest(FiringRecord.of_definition, definition_id, before, limit + 1)
        return pages.things(Firing, rows, limit)

    def of_trigger(
        self, trigger_id: str, before: str | None, limit: int
    ) -> tuple[list[Firing], str | None]:
        rows = pages.newest(FiringRecord.of_trigger, trigger_id, before, limit + 1)
        return pages.things(Firing, rows, limit)


def _enter(transaction: Transaction, run: Run, relied_on: frozenset[str] | None) -> None:
    """Add a run to the active ones; require the set that the decision relied on, if any."""
    if run.overlap_key is None:
        return
    condition = None
    if relied_on is not None:
        held = SlotRecord.held
        condition = held == set(relied_on) if relied_on else held.does_not_exist()
    counter = SlotRecord(id=run.overlap_key)
    transaction.update("active", counter, [SlotRecord.held.add({run.id})], condition)
