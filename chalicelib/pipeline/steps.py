"""Code that all steps share. Lambda imports a step's own module, never `app.py`."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, get_args, get_type_hints

from chalice.app import Blueprint as ChaliceBlueprint
from chalice.app import SQSEvent, SQSRecord

from chalicelib import log_context, wiring
from chalicelib.domain import messages as step_messages

log = logging.getLogger(__name__)
wiring.log_as_json()
BatchResponse = dict[str, list[dict[str, str]]]


class ReadMessage(NamedTuple):
    """A record that was decoded: its message, and the id of its cause."""

    record: SQSRecord
    message: step_messages.StepMessage
    correlation_id: str | None


class Steps(ChaliceBlueprint):
    """A Chalice blueprint whose handlers receive decoded messages and return failed ones only.

    A handler's annotation names the classes of messages that it takes.
    """

    def on_message(self, *, queue: str) -> Callable[[Callable[[Any], None]], Any]:
        """Register a handler of one message at a time, so that a slow one delays no other."""

        def register(handler: Callable[[Any], None]) -> Any:
            @functools.wraps(handler)
            def consume(event: SQSEvent) -> BatchResponse:
                read, failed = _read_records(event, _annotation(handler))
                failed += [each.record for each in read if not _handle_one(handler, each)]
                return _batch_response(failed)

            return self.on_sqs_message(queue=queue, batch_size=1)(consume)

        return register

    def on_batch(
        self, *, queue: str, batch_size: int = 10
    ) -> Callable[[Callable[[list[Any]], None]], Any]:
        """Register a handler of a whole batch, which is retried message by message if it fails."""

        def register(handler: Callable[[list[Any]], None]) -> Any:
            def handle_single(message: step_messages.StepMessage) -> None:
                handler([message])

            @functools.wraps(handler)
            def consume(event: SQSEvent) -> BatchResponse:
                (kind,) = get_args(_annotation(handler))
                read, failed = _read_records(event, kind)
                try:
                    with _log_step(handler.__name__, {each.correlation_id for each in read}):
                        handler([each.message for each in read])
                except Exception:
                    log.exception("batch failed", extra={"step": handler.__name__})
                    failed += [each.record for each in read if not _handle_one(handle_single, each)]
                return _batch_response(failed)

            return self.on_sqs_message(queue=queue, batch_size=batch_size)(consume)

        return register


@functools.cache
def _annotation(handler: Callable[..., None]) -> Any:
    """Return the type of a handler's only parameter; it is loaded with the first event."""
    types = get_type_hints(handler)
    return types[next(iter(inspect.signature(handler).parameters))]


def _read_records(
    records: Iterable[SQSRecord], kind: Any
) -> tuple[list[ReadMessage], list[SQSRecord]]:
    """Return the decoded records, and those that cannot be read, which are logged."""
    read, unreadable = [], []
    for record in records:
        try:
            body = json.loads(record.body)
            message: step_messages.StepMessage = step_messages.decode_message(body, kind)
        except ValueError as error:
            fields = {"message_id": _message_id(record), "reason": str(error)}
            log.error("message cannot be read", extra=fields)
            unreadable.append(record)
        else:
            cause = body.get(log_context.MESSAGE_CORRELATION_ID)
            read.append(ReadMessage(record, message, cause))
    return read, unreadable


def _handle_one(handler: Callable[[Any], None], read: ReadMessage) -> bool:
    try:
        with _log_step(step_messages.step_name(read.message), {read.correlation_id}):
            handler(read.message)
    except Exception:
        log.exception("step failed", extra={"message_id": _message_id(read.record)})
        return False
    return True


@contextmanager
def _log_step(name: str, causes: Collection[str | None]) -> Iterator[None]:
    """Set the correlation id, if all messages have the same, and measure the step's duration."""
    began = time.monotonic()
    cause = next(iter(causes)) if len(causes) == 1 else None
    with log_context.log_context(step=name, correlation_id=cause):
        yield
        took = timedelta(seconds=time.monotonic() - began)
        wiring.get_world().metrics.record_step_time(name, took)


def _message_id(record: SQSRecord) -> str:
    return str(record.to_dict()["messageId"])


def _batch_response(records: Sequence[SQSRecord]) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": _message_id(record)} for record in records]}
