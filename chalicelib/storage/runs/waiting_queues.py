"""The queues of runs that wait for the stage, in DynamoDB: rows of an index by rank."""

from __future__ import annotations

from typing import Any

from pynamodb.exceptions import UpdateError

from chalicelib.domain.ids import QueueKey
from chalicelib.domain.runs.run_keys import STAGE_COUNTER
from chalicelib.storage.dynamo.transactions import is_condition_failure
from chalicelib.storage.records import SlotRecord

QUEUE_PREFIX = "queue#"
"""The prefix of the ids of queues that wait for the stage."""


class DynamoWaitingQueues:
    """The store of waiting queues. An index of a queue's rank lags behind its row."""

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
