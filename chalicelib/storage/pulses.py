"""Named times in DynamoDB, such as the last tick."""

from __future__ import annotations

from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.storage import codec
from chalicelib.storage.records import PulseRecord
from chalicelib.storage.transactions import condition_failed


class DynamoPulses:
    """The store of named times: the last time of each name."""

    def note(self, name: str, at: datetime) -> None:
        PulseRecord(id=name, data=codec.sortable(at)).save()

    def last(self, name: str) -> datetime | None:
        try:
            return codec.moment(PulseRecord.get(name).data)
        except DoesNotExist:
            return None

    def first(self, name: str, at: datetime, until: datetime) -> bool:
        """Record a name that counts once until `until`; return whether it was the first time."""
        ends = int(until.timestamp())
        row = PulseRecord(id=name, data=codec.sortable(at), expires_at=ends)
        try:
            row.save(condition=PulseRecord.id.does_not_exist())
        except PutError as error:
            if not condition_failed(error):
                raise
            return False
        return True
