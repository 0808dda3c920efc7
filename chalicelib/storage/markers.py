"""Named times in DynamoDB, such as the last tick."""

from __future__ import annotations

from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.storage.dynamo import codec
from chalicelib.storage.dynamo.transactions import is_condition_failure
from chalicelib.storage.records import MarkerRecord


class DynamoMarkers:
    """The store of named times: the last time of each name."""

    def record_time(self, name: str, at: datetime) -> None:
        MarkerRecord(id=name, data=codec.format_sortable(at)).save()

    def last_time(self, name: str) -> datetime | None:
        try:
            return codec.parse_sortable(MarkerRecord.get(name).data)
        except DoesNotExist:
            return None

    def record_once(self, name: str, at: datetime, until: datetime) -> bool:
        """Record a name that counts once until `until`; return whether it was the first time."""
        ends = int(until.timestamp())
        row = MarkerRecord(id=name, data=codec.format_sortable(at), expires_at=ends)
        try:
            row.save(condition=MarkerRecord.id.does_not_exist())
        except PutError as error:
            if not is_condition_failure(error):
                raise
            return False
        return True
