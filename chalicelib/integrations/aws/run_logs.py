"""CloudWatch Logs: the log of a run, one stream for each attempt, each event JSON with its `seq`.

An event's timestamp is the position of its line (`Stream.place`); its time is in its text.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws_session
from chalicelib.domain.display_text import cut_text
from chalicelib.domain.errors import RateLimited
from chalicelib.domain.ids import format_moment
from chalicelib.domain.runs.log import (
    MAX_LINE_BYTES,
    MAX_LINES_PER_MILLISECOND,
    LogLine,
    LogStream,
)

log = logging.getLogger(__name__)
MAX_BATCH_BYTES = 900_000
MAX_BATCH_EVENTS = 10_000
_OVERHEAD = 26
SHARED_SECONDS = 1.0
"""The time for which all watchers of this process get the same end of a log.

CloudWatch answers 25 reads a second for the whole account, and a watcher at the end asks twice.
"""
MAX_SHARED_READS = 64
WHOLE_PAGE_BYTES = 512 * 1024
"""A page with fewer bytes and fewer lines than it may have was not cut by CloudWatch."""
THROTTLING_CODES = ("ThrottlingException", "Throttling", "RequestLimitExceeded")
THROTTLED_WAIT_SECONDS = (1.0, 3.0)
"""Watchers that were refused come back at different times."""


class CloudWatchLogs:
    """The logs of all runs of a stage."""

    def __init__(self, group: str, region: str) -> None:
        self._group = group
        self._region = region
        self._shared: OrderedDict[tuple[str, int, int], tuple[float, list[LogLine]]] = OrderedDict()

    @cached_property
    def _logs(self) -> Any:
        return aws_session.make_client("logs", region_name=self._region)

    def write_lines(self, stream: LogStream, lines: Sequence[LogLine]) -> None:
        """Append lines. A repeated beat writes them again; readers drop what they have seen."""
        name = _stream_name(stream)
        self._shared.clear()
        for chunk in _iter_batches(
            [_to_event(stream, line) for line in sorted(lines, key=_line_number)]
        ):
            try:
                self._put(name, chunk)
            except ClientError as error:
                if not _is_missing_stream(error):
                    raise
                self._create(name)
                self._put(name, chunk)

    def _put(self, name: str, events: list[dict[str, Any]]) -> None:
        answer = self._logs.put_log_events(
            logGroupName=self._group, logStreamName=name, logEvents=events
        )
        if answer.get("rejectedLogEventsInfo"):
            refused = {"stream": name, "info": answer["rejectedLogEventsInfo"]}
            log.error("lines of a log were refused", extra=refused)

    def _create(self, name: str) -> None:
        try:
            self._logs.create_log_stream(logGroupName=self._group, logStreamName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise

    def read_after(self, stream: LogStream, seq: int, limit: int) -> list[LogLine]:
        """Return at most `limit` lines with a number over `seq`, oldest first.

        Fewer lines may be returned although more follow. Raises `RateLimited` if CloudWatch refuses
        to answer more readers at the moment.
        """
        key = (_stream_name(stream), seq, limit)
        read_at, lines = self._shared.get(key, (0.0, []))
        if time.monotonic() - read_at < SHARED_SECONDS:
            return lines
        lines = self._read_after(stream, seq, limit)
        if len(lines) < limit:
            self._shared[key] = (time.monotonic(), lines)
            if len(self._shared) > MAX_SHARED_READS:
                self._shared.popitem(last=False)
        return lines

    def _read_after(self, stream: LogStream, seq: int, limit: int) -> list[LogLine]:
        parameters = {
            "startTime": _milliseconds(stream.timestamp_of(seq + 1)),
            "startFromHead": True,
        }
        seen: dict[int, LogLine] = {}
        for page in self._pages(stream, limit, parameters, "nextForwardToken"):
            seen |= {line.seq: line for line in page if line.seq > seq}
            if len(seen) >= limit or (seen and _is_whole(page)):
                break
        return [seen[number] for number in sorted(seen)][:limit]

    def read_before(self, stream: LogStream, seq: int | None, limit: int) -> list[LogLine]:
        """Return the last `limit` lines (with a number under `seq`), oldest first.

        Raises `RateLimited` as `read_after` does.
        """
        parameters: dict[str, Any] = {"startFromHead": False}
        if seq is not None:
            parameters["endTime"] = (
                _milliseconds(stream.timestamp_of(seq)) + 1
            )  # which is left out itself
        seen: dict[int, LogLine] = {}
        for page in self._pages(stream, limit, parameters, "nextBackwardToken"):
            seen |= {line.seq: line for line in page if seq is None or line.seq < seq}
            if len(seen) >= limit:
                break
        return [seen[number] for number in sorted(seen)][-limit:]

    def _pages(
        self, stream: LogStream, limit: int, parameters: dict[str, Any], way: str
    ) -> Iterator[list[LogLine]]:
        """Yield pages to the end of the stream: an empty one is not the end, the same token is."""
        most = min(limit + 2 * MAX_LINES_PER_MILLISECOND, MAX_BATCH_EVENTS)
        token: dict[str, str] = {}
        while True:
            try:
                answer = self._logs.get_log_events(
                    logGroupName=self._group,
                    logStreamName=_stream_name(stream),
                    limit=most,
                    **parameters,
                    **token,
                )
            except ClientError as error:
                if _is_missing_stream(error):
                    return
                if _is_throttled(error):
                    wait = random.uniform(*THROTTLED_WAIT_SECONDS)
                    raise RateLimited(timedelta(seconds=wait)) from error
                raise
            if answer["events"]:
                yield [_from_event(event, stream.attempt) for event in answer["events"]]
            if token.get("nextToken") == answer[way]:
                return
            token = {"nextToken": answer[way]}


def _is_missing_stream(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ResourceNotFoundException")


def _is_throttled(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in THROTTLING_CODES


def _is_whole(page: list[LogLine]) -> bool:
    """Return whether CloudWatch sent all lines that it shows: it cuts pages at 1 MB."""
    return sum(line.encoded_size for line in page) < WHOLE_PAGE_BYTES


def _stream_name(stream: LogStream) -> str:
    return f"{stream.run_id}/{stream.attempt}"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _line_number(line: LogLine) -> int:
    return line.seq


def _to_event(stream: LogStream, line: LogLine) -> dict[str, Any]:
    body = {
        "seq": line.seq,
        "timestamp": format_moment(line.timestamp),
        "logType": line.log_type,
        "content": cut_text(line.content, MAX_LINE_BYTES),
    }
    timestamp = _milliseconds(stream.timestamp_of(line.seq))
    return {"timestamp": timestamp, "message": json.dumps(body, ensure_ascii=False)}


def _from_event(event: Mapping[str, Any], attempt: int) -> LogLine:
    body = json.loads(event["message"])
    ingested = event.get("ingestionTime")
    return LogLine(
        seq=body["seq"],
        timestamp=datetime.fromisoformat(body["timestamp"]),
        log_type=body["logType"],
        content=body["content"],
        attempt=attempt,
        stored_at=datetime.fromtimestamp(ingested / 1000, UTC) if ingested else None,
    )


def _iter_batches(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for event in events:
        more = len(event["message"].encode("utf-8", "replace")) + _OVERHEAD
        if chunk and (size + more > MAX_BATCH_BYTES or len(chunk) == MAX_BATCH_EVENTS):
            yield chunk
            chunk, size = [], 0
        chunk.append(event)
        size += more
    if chunk:
        yield chunk
