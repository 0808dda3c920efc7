"""SQS: messages to the steps. Refuses what AWS refuses, because emulators accept it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

from chalicelib import aws_session, log_context
from chalicelib.domain.messages import StepMessage, encode_message
from chalicelib.ports import MAX_MESSAGE_DELAY

BATCH_SIZE = 10
MAX_MESSAGE_BYTES = 256 * 1024
MESSAGE_COUNT_ATTRIBUTE = "ApproximateNumberOfMessages"


class MessageNotSent(Exception):
    """SQS did not take a message, twice."""


class SqsQueue:
    """One queue of a stage."""

    def __init__(self, name: str, region: str) -> None:
        self._name = name
        self._region = region

    @cached_property
    def _sqs(self) -> Any:
        return aws_session.make_client("sqs", region_name=self._region)

    @cached_property
    def _url(self) -> str:
        url: str = self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        return url

    def send_messages(self, messages: Iterable[tuple[StepMessage, timedelta]]) -> None:
        """Send every message, ten at a time; each arrives no earlier than its delay.

        Each carries its origin, so that the log lines of its step have it as well.
        """
        cause = log_context.current_ids().get(log_context.CORRELATION_ID)
        more = {log_context.MESSAGE_CORRELATION_ID: cause} if cause else {}
        entries = [
            _entry({**encode_message(message), **more}, delay) for message, delay in messages
        ]
        for start in range(0, len(entries), BATCH_SIZE):
            self._send_batch(entries[start : start + BATCH_SIZE])

    def count_dead_letters(self) -> int:
        """Return about how many messages lie where those end that failed too often."""
        url = self._sqs.get_queue_url(QueueName=f"{self._name}-dead")["QueueUrl"]
        answer = self._sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=[MESSAGE_COUNT_ATTRIBUTE]
        )
        return int(answer["Attributes"][MESSAGE_COUNT_ATTRIBUTE])

    def _send_batch(self, entries: list[dict[str, object]]) -> None:
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(entries)]
        for _ in range(2):
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=numbered)
            refused = {failure["Id"] for failure in answer.get("Failed", ())}
            if not refused:
                return
            numbered = [entry for entry in numbered if entry["Id"] in refused]
        raise MessageNotSent(f"{len(numbered)} messages to {self._name} were refused")


def _entry(body: dict[str, str], delay: timedelta) -> dict[str, object]:
    text = json.dumps(body)
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message holds at most 256 KB, this one has {len(text)}")
    if not timedelta(0) <= delay <= MAX_MESSAGE_DELAY:
        raise ValueError(f"a message is delayed by 0 to 900 seconds, not {delay}")
    return {"MessageBody": text, "DelaySeconds": int(delay.total_seconds())}
