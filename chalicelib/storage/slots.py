"""Counters of runs in DynamoDB. They store run ids, so that lost slots can be detected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import size

from chalicelib.domain.ids import CounterKey, QueueKey, RunId
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_keys import STAGE_COUNTER
from chalicelib.domain.versions import require_next_version
from chalicelib.ports import MAX_DROPPED_RUNS, Part
from chalicelib.storage.dynamo.transactions import Transaction, is_condition_failure
from chalicelib.storage.records import RunRecord, SlotRecord
from chalicelib.storage.runs import to_record

QUEUE_PREFIX = "queue#"
"""The prefix of the ids of queues that wait for the stage."""


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

    def await_stage(self, queue_key: QueueKey, rank: str) -> None:
        """Record that a queue waits for the stage, by the most urgent rank reported for it."""
        more_urgent = SlotRecord.rank.does_not_exist() | (SlotRecord.rank > rank)
        actions: list[Any] = [SlotRecord.waits_for.set(STAGE_COUNTER), SlotRecord.rank.set(rank)]
        try:
            SlotRecord(id=f"{QUEUE_PREFIX}{queue_key}").update(
                actions=actions, condition=more_urgent
            )
        except UpdateError as error:
            if not is_condition_failure(error):
                raise

    def awaiting_stage(self, limit: int) -> list[QueueKey]:
        """Return the queues that wait for the stage, at most `limit`, the most urgent first."""
        rows = SlotRecord.stage_queue.query(STAGE_COUNTER, limit=limit)
        return [row.id.removeprefix(QUEUE_PREFIX) for row in rows]

    def leave_stage(self, queue_key: QueueKey) -> None:
        """Record that a queue no longer waits for the stage."""
        actions: list[Any] = [SlotRecord.waits_for.remove(), SlotRecord.rank.remove()]
        SlotRecord(id=f"{QUEUE_PREFIX}{queue_key}").update(actions=actions)
