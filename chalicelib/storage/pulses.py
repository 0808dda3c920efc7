"""Pulses in DynamoDB."""

from __future__ import annotations

from datetime import datetime

from pynamodb.exceptions import DoesNotExist

from chalicelib.storage import codec
from chalicelib.storage.records import PulseRecord


class DynamoPulses:
    """The store of pulses: the last one of each name."""

    def note(self, name: str, at: datetime) -> None:
        PulseRecord(id=name, data=codec.sortable(at)).save()

    def last(self, name: str) -> datetime | None:
        try:
            return codec.moment(PulseRecord.get(name).data)
        except DoesNotExist:
            return None
