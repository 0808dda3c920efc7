"""Pulses in DynamoDB."""

from __future__ import annotations

from datetime import datetime

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.storage import codec
from chalicelib.storage.records import PulseRecord
from chalicelib.storage.transactions import condition_failed


class DynamoPulses:
    """The store of pulses: the last one of each name."""

    def note(self, name: str, at: datetime) -> None:
        PulseRecord(id=name, data=codec.sortable(at)).save()

    def last(self, name: str) -> datetime | None:
        try:
            return codec.moment(PulseRecord.get(name).data)
        except DoesNotExist:
            return None

    def first(self, name: str, at: datetime, until: datetime) -> bool:
        """Note something that counts once, and is worth nothing after `until`; return whether
        this was the first time."""
        ends = int(until.timestamp())
        row = PulseRecord(id=name, data=codec.sortable(at), expires_at=ends)
        try:
            row.save(condition=PulseRecord.id.does_not_exist())
        except PutError as error:
            if not condition_failed(error):
                raise
            return False
        return True
