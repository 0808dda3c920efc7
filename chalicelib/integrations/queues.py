"""SQS: messages to the steps. Refuses what AWS refuses, because emulators accept it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Any

from chalicelib import aws
from chalicelib.domain import trail

BATCH = 10
LARGEST = 256 * 1024
COUNT = "ApproximateNumberOfMessages"
LONGEST_DELAY = timedelta(seconds=900)


class NotSent(Exception):
    """SQS did not take a message, twice."""


class SqsQueue:
    """One queue of a stage."""

    def __init__(self, name: str, region: str) -> None:
        self._name = name
        self._region = region

    @cached_property
    def _sqs(self) -> Any:
        return aws.client("sqs", region_name=self._region)

    @cached_property
    def _url(self) -> str:
        url: str = self._sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        return url

    def send(self, messages: Iterable[tuple[dict[str, str], timedelta]]) -> None:
        """Send every message, ten at a time; each arrives no earlier than its delay.

        Each carries its origin, so that the log lines of its step have it as well.
        """
        cause = trail.known().get(trail.CAUSE)
        more = {trail.MESSAGE_CAUSE: cause} if cause else {}
        entries = [_entry({**body, **more}, delay) for body, delay in messages]
        for start in range(0, len(entries), BATCH):
            self._send(entries[start : start + BATCH])

    def dead(self) -> int:
        """Return about how many messages lie where those end that failed too often."""
        url = self._sqs.get_queue_url(QueueName=f"{self._name}-dead")["QueueUrl"]
        told = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[COUNT])
        return int(told["Attributes"][COUNT])

    def _send(self, entries: list[dict[str, object]]) -> None:
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(entries)]
        for _ in range(2):
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=numbered)
            refused = {failure["Id"] for failure in answer.get("Failed", ())}
            if not refused:
                return
            numbered = [entry for entry in numbered if entry["Id"] in refused]
        raise NotSent(f"{len(numbered)} messages to {self._name} were refused")


def _entry(body: dict[str, str], delay: timedelta) -> dict[str, object]:
    text = json.dumps(body)
    if len(text.encode()) > LARGEST:
        raise ValueError(f"a message holds at most 256 KB, this one has {len(text)}")
    if not timedelta(0) <= delay <= LONGEST_DELAY:
        raise ValueError(f"a message is delayed by 0 to 900 seconds, not {delay}")
    return {"MessageBody": text, "DelaySeconds": int(delay.total_seconds())}
