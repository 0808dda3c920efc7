"""Code that all steps share. Lambda imports a step's own module, never `app.py`."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from chalice.app import Blueprint as ChaliceBlueprint
from chalice.app import SQSEvent, SQSRecord

from chalicelib import log_context, wiring

log = logging.getLogger(__name__)
wiring.log_as_json()
Message = dict[str, str]
BatchResponse = dict[str, list[dict[str, str]]]


class Steps(ChaliceBlueprint):
    """A Chalice blueprint whose handlers receive decoded messages and return failed ones only."""

    def on_message(self, *, queue: str) -> Callable[[Callable[[Message], None]], Any]:
        """Register a handler of one message at a time, so that a slow one delays no other."""

        def register(handler: Callable[[Message], None]) -> Any:
            @functools.wraps(handler)
            def consume(event: SQSEvent) -> BatchResponse:
                failed = [record for record in event if not _handle_record(handler, record)]
                return _batch_response(failed)

            return self.on_sqs_message(queue=queue, batch_size=1)(consume)

        return register

    def on_batch(
        self, *, queue: str, batch_size: int = 10
    ) -> Callable[[Callable[[list[Message]], None]], Any]:
        """Register a handler of a whole batch, which is retried message by message if it fails."""

        def register(handler: Callable[[list[Message]], None]) -> Any:
            @functools.wraps(handler)
            def consume(event: SQSEvent) -> BatchResponse:
                records = list(event)
                readable = [record for record in records if _decode_record(record) is not None]
                messages = [json.loads(record.body) for record in readable]
                try:
                    with _log_step(handler.__name__, messages):
                        handler(messages)
                    failed = [record for record in records if record not in readable]
                except Exception:
                    log.exception("batch failed", extra={"step": handler.__name__})
                    failed = [
                        record
                        for record in records
                        if not _handle_record(_single_message_handler(handler), record)
                    ]
                return _batch_response(failed)

            return self.on_sqs_message(queue=queue, batch_size=batch_size)(consume)

        return register


def _single_message_handler(handler: Callable[[list[Message]], None]) -> Callable[[Message], None]:
    @functools.wraps(handler)
    def consume(message: Message) -> None:
        handler([message])

    return consume


def _handle_record(handler: Callable[[Message], None], record: SQSRecord) -> bool:
    message = _decode_record(record)
    if message is None:
        log.error("message cannot be read", extra={"message_id": _message_id(record)})
        return False
    try:
        with _log_step(message.get("step") or handler.__name__, [message]):
            handler(message)
    except Exception:
        log.exception("step failed", extra={"message_id": _message_id(record)})
        return False
    return True


@contextmanager
def _log_step(name: str, messages: Sequence[Message]) -> Iterator[None]:
    """Set the correlation id, if all messages have the same, and measure the step's duration."""
    causes = {message.get(log_context.MESSAGE_CORRELATION_ID) for message in messages}
    began = time.monotonic()
    with log_context.log_context(
        step=name, correlation_id=causes.pop() if len(causes) == 1 else None
    ):
        yield
        took = timedelta(seconds=time.monotonic() - began)
        wiring.get_world().metrics.record_step_time(name, took)


def _decode_record(record: SQSRecord) -> Message | None:
    try:
        message: Message = json.loads(record.body)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _message_id(record: SQSRecord) -> str:
    return str(record.to_dict()["messageId"])


def _batch_response(records: Sequence[SQSRecord]) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": _message_id(record)} for record in records]}
