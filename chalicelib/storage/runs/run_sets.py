"""Sets of runs in DynamoDB: rows that hold run ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from chalicelib.domain.ids import CounterKey, RunId
from chalicelib.domain.runs.run import Run
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import MAX_DROPPED_RUNS, Part
from chalicelib.storage.dynamo.transactions import Transaction
from chalicelib.storage.records import RunRecord, SlotRecord
from chalicelib.storage.runs.runs import to_record


class DynamoRunSets:
    """The store of sets. A run's move and the change of its sets are one transaction."""

    def move_run(
        self, new: Run, was: Run, *, leaves: Collection[CounterKey], enters: Collection[CounterKey]
    ) -> None:
        """Move the run, out of some sets and into others; raise `WriteConflict` if
        it has changed.
        """
        transaction = Transaction()
        require_next_version(new, was)
        transaction.add_put(Part.RUN, to_record(new), RunRecord.version == was.version)
        for counter in leaves:
            let_go = SlotRecord.held.delete({new.id})
            transaction.add_update(Part.COUNTER, SlotRecord(id=counter), [let_go])
        for counter in enters:
            hold = SlotRecord.held.add({new.id})
            transaction.add_update(Part.COUNTER, SlotRecord(id=counter), [hold])
        transaction.commit_all()

    def hold_runs(
        self, counter: CounterKey, run_ids: Collection[RunId], until: datetime | None = None
    ) -> None:
        """Add runs to a set; with `until` it is deleted some time after that."""
        actions: list[Any] = [SlotRecord.held.add(set(run_ids))]
        if until:
            actions.append(SlotRecord.expires_at.set(int(until.timestamp())))
        SlotRecord(id=counter).update(actions=actions)

    def held_runs(self, counter: CounterKey) -> frozenset[RunId]:
        for record in SlotRecord.batch_get([counter], consistent_read=True):
            return frozenset(RunId(key) for key in record.held or ())
        return frozenset()

    def drop_runs(self, counter: CounterKey, versions: Mapping[RunId, int | None]) -> None:
        """Remove runs without a slot; raise `WriteConflict` if one of them has moved since."""
        transaction = Transaction()
        for run_id, version in list(versions.items())[:MAX_DROPPED_RUNS]:
            as_read = RunRecord.version == version if version else RunRecord.id.does_not_exist()
            transaction.add_check(Part.RUN, RunRecord, run_id, as_read)
        let_go = SlotRecord.held.delete(set(list(versions)[:MAX_DROPPED_RUNS]))
        transaction.add_update(Part.COUNTER, SlotRecord(id=counter), [let_go])
        transaction.commit_all()
