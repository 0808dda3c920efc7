"""CloudWatch Logs: the log of a run, one stream for each attempt, each event JSON with its `seq`.

An event's time is when we received its beat. Beats of one attempt follow each other, but two of
our workers' clocks may differ a little: readers start a little early and go by `seq`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.domain.firing import moment_text
from chalicelib.domain.log import LogLine, cut

MOST_BYTES = 900_000
MOST_EVENTS = 10_000
_OVERHEAD = 26


class CloudWatchLogs:
    """The logs of all runs of a stage."""

    def __init__(self, group: str, region: str) -> None:
        self._group = group
        self._region = region

    @cached_property
    def _logs(self) -> Any:
        return boto3.client("logs", region_name=self._region)

    def write(self, run_id: str, attempt: int, lines: Sequence[LogLine]) -> None:
        """Append lines. A repeated beat writes them again; readers drop what they have seen."""
        stream = _stream(run_id, attempt)
        now = int(time.time() * 1000)
        for chunk in _chunks([_event(line, now) for line in lines]):
            try:
                self._put(stream, chunk)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                self._create(stream)
                self._put(stream, chunk)

    def _put(self, stream: str, events: list[dict[str, Any]]) -> None:
        self._logs.put_log_events(logGroupName=self._group, logStreamName=stream, logEvents=events)

    def _create(self, stream: str) -> None:
        try:
            self._logs.create_log_stream(logGroupName=self._group, logStreamName=stream)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise

    def after(self, run_id: str, attempt: int, seq: int, limit: int) -> list[LogLine]:
        """Return at most `limit` lines with a number over `seq`, oldest first."""
        seen: dict[int, LogLine] = {}
        for page in self._pages(run_id, attempt, forward=True):
            seen |= {line.seq: line for line in page if line.seq > seq}
            if len(seen) >= limit:
                break
        return [seen[number] for number in sorted(seen)][:limit]

    def before(self, run_id: str, attempt: int, seq: int | None, limit: int) -> list[LogLine]:
        """Return the last `limit` lines (with a number under `seq`), oldest first."""
        seen: dict[int, LogLine] = {}
        for page in self._pages(run_id, attempt, forward=False):
            seen |= {line.seq: line for line in page if seq is None or line.seq < seq}
            if len(seen) >= limit:
                break
        return [seen[number] for number in sorted(seen)][-limit:]

    def _pages(self, run_id: str, attempt: int, *, forward: bool) -> Iterator[list[LogLine]]:
        token: dict[str, str] = {}
        while True:
            try:
                answer = self._logs.get_log_events(
                    logGroupName=self._group,
                    logStreamName=_stream(run_id, attempt),
                    startFromHead=forward,
                    **token,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":
                    return
                raise
            yield [_line(event["message"], attempt) for event in answer["events"]]
            following = answer["nextForwardToken" if forward else "nextBackwardToken"]
            if token.get("nextToken") == following or not answer["events"]:
                return
            token = {"nextToken": following}


def _stream(run_id: str, attempt: int) -> str:
    return f"{run_id}/{attempt}"


def _event(line: LogLine, now: int) -> dict[str, Any]:
    body = {
        "seq": line.seq,
        "timestamp": moment_text(line.timestamp),
        "logType": line.log_type,
        "content": cut(line.content),
    }
    return {"timestamp": now, "message": json.dumps(body, ensure_ascii=False)}


def _line(message: str, attempt: int) -> LogLine:
    body = json.loads(message)
    return LogLine(
        seq=body["seq"],
        timestamp=datetime.fromisoformat(body["timestamp"]),
        log_type=body["logType"],
        content=body["content"],
        attempt=attempt,
    )


def _chunks(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for event in events:
        more = len(event["message"].encode("utf-8", "replace")) + _OVERHEAD
        if chunk and (size + more > MOST_BYTES or len(chunk) == MOST_EVENTS):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += more
    if chunk:
        yield chunk
