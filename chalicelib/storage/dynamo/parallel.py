"""Concurrent reads in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from chalicelib.storage.dynamo.connection import get_connection

T = TypeVar("T")
MAX_PARALLEL_READS = 8


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MAX_PARALLEL_READS, thread_name_prefix="read")


def run_parallel(reads: Iterable[Callable[[], T]]) -> list[T]:
    """Return the results of all reads, in their order; raise the first error."""
    read_list = list(reads)
    if len(read_list) < 2:
        return [read() for read in read_list]
    get_connection().client  # noqa: B018 - created once, before several threads create it
    return list(_pool().map(lambda read: read(), read_list))
