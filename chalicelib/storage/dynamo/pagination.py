"""Pagination: reads lists a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from heapq import merge
from itertools import chain
from typing import Any, TypeVar

from pynamodb.indexes import GlobalSecondaryIndex
from pynamodb.models import Model

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid
from chalicelib.domain.page import Cursor, Page, is_list_position
from chalicelib.storage.dynamo import codec
from chalicelib.storage.dynamo.item_size import MAX_POSITION_BYTES, exceeds_key_size
from chalicelib.storage.dynamo.parallel import run_parallel

T = TypeVar("T")
MAX_ROWS_READ = 1000
"""The rows that one call reads for a filter, which may match few of them."""


def query_newest(
    source: GlobalSecondaryIndex[Any] | type[Model],
    key: str,
    before: Cursor | None,
    limit: int,
    filter_condition: Any = None,
) -> list[Any]:
    """Return at most `limit` rows under `key`, newest first, older than `before`.

    `source` is a table or an index that is sorted by age; `filter_condition` filters its rows.
    Raises `Invalid` if `before` is not a cursor of this list.
    """
    if exceeds_key_size(key):
        return []
    if before and (exceeds_key_size(before, MAX_POSITION_BYTES) or not is_list_position(before)):
        raise Invalid(
            "is not a cursor of this list: use the nextCursor of a previous response", "cursor"
        )
    age: Any = getattr(source if isinstance(source, type) else type(source), "age")  # noqa: B009
    condition = age < before if before else None
    return list(
        source.query(
            key,
            range_key_condition=condition,
            filter_condition=filter_condition,
            scan_index_forward=False,
            limit=limit,
            page_size=limit if filter_condition is None else MAX_ROWS_READ,
        )
    )


def cut_page(rows: Iterable[Any], limit: int) -> Page[Any]:
    """Return the first `limit` of `rows` (one more, newest first), and the next position."""
    ordered = list(rows)
    page_rows = _within_answer_size(ordered[:limit])
    return Page(page_rows, page_rows[-1].age if len(ordered) > len(page_rows) else None)


def load_page(kind: type[T], rows: Iterable[Any], limit: int) -> Page[T]:
    """Return the objects on a page of `rows` (one more than `limit`), and the next position."""
    page_rows, position = cut_page(rows, limit)
    return Page([codec.load_json(kind, row.data) for row in page_rows], position)


def load_whole_page(model: Any, rows: Iterable[Any], limit: int) -> Page[Any]:
    """Read a page whose rows are keys only; concurrently deleted rows are left out."""
    keys, position = cut_page(rows, limit)
    records = {row.id: row for row in model.batch_get([key.id for key in keys])} if keys else {}
    present = [records[key.id] for key in keys if key.id in records]
    page_rows = _within_answer_size(present)
    return Page(page_rows, page_rows[-1].age if len(page_rows) < len(present) else position)


def _within_answer_size(rows: list[Any]) -> list[Any]:
    """Return the first rows that fit together into one response, but at least one."""
    weight = 0
    for number, row in enumerate(rows):
        weight += len(row.data or "")
        if weight > limits.MAX_ANSWER_BYTES and number:
            return rows[:number]
    return rows


def query_due(
    index: GlobalSecondaryIndex[Any], shards: int, until: str, shard: int | None = None
) -> Iterator[Any]:
    """Yield the due rows of one shard, or of all of them, the longest overdue first.

    There is no lower bound, so overdue rows are included.
    """
    parts = [
        index.query(str(number), range_key_condition=type(index).due_at <= until)  # type: ignore[attr-defined]
        for number in (range(shards) if shard is None else (shard,))
    ]
    return merge(*parts, key=lambda row: str(row.due_at))


def query_first_due(index: GlobalSecondaryIndex[Any], shards: int, until: str) -> Iterator[Any]:
    """Yield the row of each shard that has been due for the longest time."""
    for number in range(shards):
        condition = type(index).due_at <= until  # type: ignore[attr-defined]
        yield from index.query(str(number), range_key_condition=condition, limit=1)


def merge_newest(read: Callable[[str], list[Any]], keys: Iterable[str]) -> list[Any]:
    """Return the rows of several parts of a list as one list, newest first."""
    parts = run_parallel([partial(read, key) for key in keys])
    return sorted(chain.from_iterable(parts), key=lambda row: str(row.age), reverse=True)
