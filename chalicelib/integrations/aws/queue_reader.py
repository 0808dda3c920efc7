"""The event source mapping by which Lambda reads a queue; one that is paused costs nothing."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws_session
from chalicelib.domain.errors import Conflict

READING = ("Creating", "Enabling", "Enabled")
PATIENCE_SECONDS, PAUSE_SECONDS = 12.0, 0.5


class LambdaQueueReader:
    """The reader of one queue, by the id of its mapping; without an id it is never paused."""

    def __init__(self, mapping: str, region: str) -> None:
        self._mapping = mapping
        self._region = region

    @cached_property
    def _lambda(self) -> Any:
        return aws_session.make_client("lambda", region_name=self._region)

    def resume(self) -> None:
        """Let Lambda read the queue, or raise `Conflict` if the mapping is being changed."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._mapping and not self._is_reading():
            try:
                self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=True)
                return
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
                if time.monotonic() > until:
                    raise Conflict(
                        "the queue of notifications is being changed: try again in a minute"
                    ) from error
            time.sleep(PAUSE_SECONDS)

    def _is_reading(self) -> bool:
        answer = self._lambda.get_event_source_mapping(UUID=self._mapping)
        return answer["State"] in READING
