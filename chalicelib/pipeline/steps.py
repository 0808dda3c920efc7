"""What every step shares. Lambda imports a step's own module, never `app.py`."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from chalice.app import Blueprint, SQSEvent, SQSRecord

log = logging.getLogger(__name__)
Message = dict[str, str]
BatchResponse = dict[str, list[dict[str, str]]]


class Steps(Blueprint):
    """A chalice Blueprint whose handlers see decoded messages; only those that fail come back."""

    def step(
        self, *, queue: str, batch_size: int = 10
    ) -> Callable[[Callable[[Message], None]], Any]:
        """Register a handler of one message at a time."""

        def register(handler: Callable[[Message], None]) -> Any:
            @functools.wraps(handler)
            def consume(event: SQSEvent) -> BatchResponse:
                failed = [record for record in event if not _handled(handler, record)]
                return _failures(failed)

            return self.on_sqs_message(queue=queue, batch_size=batch_size)(consume)

        return register

    def batch_step(
        self, *, queue: str, batch_size: int = 10
    ) -> Callable[[Callable[[list[Message]], None]], Any]:
        """Register a handler of a whole batch, which is tried message by message if it fails."""

        def register(handler: Callable[[list[Message]], None]) -> Any:
            @functools.wraps(handler)
            def consume(event: SQSEvent) -> BatchResponse:
                records = list(event)
                readable = [record for record in records if _decoded(record) is not None]
                try:
                    handler([json.loads(record.body) for record in readable])
                    failed = [record for record in records if record not in readable]
                except Exception:
                    log.exception("batch failed", extra={"step": handler.__name__})
                    failed = [
                        record
                        for record in records
                        if not _handled(lambda message: handler([message]), record)
                    ]
                return _failures(failed)

            return self.on_sqs_message(queue=queue, batch_size=batch_size)(consume)

        return register


def _handled(handler: Callable[[Message], None], record: SQSRecord) -> bool:
    try:
        handler(json.loads(record.body))
    except Exception:
        log.exception("step failed", extra={"message_id": _id(record)})
        return False
    return True


def _decoded(record: SQSRecord) -> Message | None:
    try:
        message: Message = json.loads(record.body)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _id(record: SQSRecord) -> str:
    return str(record.to_dict()["messageId"])


def _failures(records: Sequence[SQSRecord]) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": _id(record)} for record in records]}
