"""Slots of runs in DynamoDB: counters that hold run ids, so that lost slots can be detected."""

from __future__ import annotations

from collections.abc import Mapping

from pynamodb.expressions.condition import size

from chalicelib.domain.ids import CounterKey
from chalicelib.domain.runs.run import Run
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import Part
from chalicelib.storage.dynamo.transactions import Transaction
from chalicelib.storage.records import RunRecord, SlotRecord
from chalicelib.storage.runs.runs import to_record


class DynamoSlots:
    """The store of slots. A run's move and the change of its slots are one transaction."""

    def take_slots(self, new: Run, was: Run, limits: Mapping[CounterKey, int]) -> None:
        """Move the run and add it to each counter; raise `WriteConflict` with the run or the full
        ones.
        """
        transaction = Transaction()
        require_next_version(new, was)
        transaction.add_put(Part.RUN, to_record(new), RunRecord.version == was.version)
        for counter, limit in limits.items():
            free = SlotRecord.held.does_not_exist() | (size(SlotRecord.held) < limit)
            hold = SlotRecord.held.add({new.id})
            transaction.add_update(Part.COUNTER, SlotRecord(id=counter), [hold], free)
        transaction.commit_all()
