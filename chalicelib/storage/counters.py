"""Counters in DynamoDB: one conditional write for each attempt, whatever its outcome."""

from __future__ import annotations

from datetime import datetime, timedelta

from pynamodb.exceptions import UpdateError

from chalicelib.storage.dynamo.transactions import is_condition_failure
from chalicelib.storage.records import CounterRecord

RETENTION = timedelta(hours=1)


class DynamoCounters:
    """The store of counters; each expires by itself."""

    def try_increment(self, name: str, most: int, until: datetime) -> bool:
        """Count one more under a name; return False, and count nothing, once `most` are counted."""
        few = CounterRecord.hits.does_not_exist() | (CounterRecord.hits < most)
        ends = CounterRecord.expires_at.set(int((until + RETENTION).timestamp()))
        try:
            CounterRecord(id=name).update(actions=[CounterRecord.hits.add(1), ends], condition=few)
        except UpdateError as error:
            if not is_condition_failure(error):
                raise
            return False
        return True

    def give_back(self, name: str) -> None:
        """Count one less, for an attempt that succeeded; never go below zero."""
        try:
            CounterRecord(id=name).update(
                actions=[CounterRecord.hits.add(-1)], condition=CounterRecord.hits > 0
            )
        except UpdateError as error:
            if not is_condition_failure(error):
                raise
