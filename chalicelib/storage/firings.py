"""The ledger in DynamoDB, and the transaction that writes a firing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.errors import NotFound
from chalicelib.domain.firing.decision import Decision
from chalicelib.domain.firing.firing import Brief, Firing, IdempotencyClaim
from chalicelib.domain.ids import BlueprintId, FiringId, RunId, TriggerId
from chalicelib.domain.page import Cursor, Page
from chalicelib.domain.runs.run import Run
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import Part
from chalicelib.storage import claims, gates
from chalicelib.storage.blueprint_rows import firing_record, trigger_record
from chalicelib.storage.dynamo import codec, pagination
from chalicelib.storage.dynamo.transactions import Transaction, is_condition_failure
from chalicelib.storage.records import (
    FiringRecord,
    RunRecord,
    SlotRecord,
    TriggerRecord,
)
from chalicelib.storage.runs.runs import to_record as run_record
from chalicelib.storage.s3.blobs import Blobs


class DynamoFirings:
    """The store of firings."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def commit_decision(self, decision: Decision) -> None:
        """Write the firing, the run and the trigger, or raise `WriteConflict` and write nothing."""
        firing = decision.firing
        transaction = Transaction()
        row = firing_record(firing, self._stored_brief(decision))
        transaction.add_put(Part.FIRING, row, FiringRecord.id.does_not_exist())
        if decision.run:
            transaction.add_put(Part.RUN, run_record(decision.run), RunRecord.id.does_not_exist())
            _count_active(transaction, decision.run, decision.active)
        if decision.blueprint:
            gates.check_gate(transaction, decision.blueprint, firing.id)
        if decision.trigger:
            before, after = decision.trigger
            unchanged = TriggerRecord.version == before.version
            if after is before:
                transaction.add_check(Part.TRIGGER, TriggerRecord, before.id, unchanged)
            else:
                require_next_version(after, before)
                transaction.add_put(Part.TRIGGER, trigger_record(after), unchanged)
        claims.take_claim(transaction, decision.claim, firing.fired_at)
        transaction.commit_all()

    def _stored_brief(self, decision: Decision) -> bytes | None:
        if decision.brief is None:
            return None
        packed = codec.pack_json(decision.brief)
        return self._blobs.store_content(f"firings/{decision.firing.id}", packed)

    def get(self, firing_id: FiringId) -> Firing:
        return codec.load_json(Firing, self._get_row(firing_id).data)

    def get_brief(self, firing_id: FiringId) -> Brief | None:
        stored = self._get_row(firing_id).brief
        return codec.unpack_json(Brief, self._blobs.fetch_content(stored)) if stored else None

    def extend_retention(self, firing_id: FiringId, until: datetime) -> None:
        """Extend the expiry of a record and its brief to `until`, if they still exist."""
        try:
            row = self._get_row(firing_id)
        except NotFound:
            return
        if row.brief:
            self._blobs.renew_content(row.brief)
        row.expires_at = max(int(row.expires_at), int(until.timestamp()))
        try:
            row.save(condition=FiringRecord.id.exists())
        except PutError as error:
            if not is_condition_failure(error):
                raise

    def _get_row(self, firing_id: FiringId) -> FiringRecord:
        try:
            return FiringRecord.get(firing_id, consistent_read=True)
        except DoesNotExist:
            raise NotFound("firing", firing_id) from None

    def find_claim(self, key: str, now: datetime) -> IdempotencyClaim | None:
        return self.find_claims([key], now).get(key)

    def find_claims(self, keys: Collection[str], now: datetime) -> dict[str, IdempotencyClaim]:
        return claims.read_claims(keys, now)

    def release_claim(self, claim: IdempotencyClaim, now: datetime) -> None:
        claims.release_claim(claim, now)

    def list_of_blueprint(
        self, blueprint_id: BlueprintId, before: Cursor | None, limit: int
    ) -> Page[Firing]:
        rows = pagination.query_newest(FiringRecord.of_blueprint, blueprint_id, before, limit + 1)
        return pagination.load_page(Firing, rows, limit)

    def list_of_trigger(
        self, trigger_id: TriggerId, before: Cursor | None, limit: int
    ) -> Page[Firing]:
        rows = pagination.query_newest(FiringRecord.of_trigger, trigger_id, before, limit + 1)
        return pagination.load_page(Firing, rows, limit)


def _count_active(transaction: Transaction, run: Run, relied_on: frozenset[RunId] | None) -> None:
    """Add a run to the active ones; require the set that the decision relied on, if any."""
    if run.overlap_key is None:
        return
    condition = None
    if relied_on is not None:
        held = SlotRecord.held
        condition = held == set(relied_on) if relied_on else held.does_not_exist()
    counter = SlotRecord(id=run.overlap_key)
    transaction.add_update(Part.ACTIVE_RUNS, counter, [SlotRecord.held.add({run.id})], condition)
