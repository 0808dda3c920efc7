"""Concurrent reads in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from chalicelib.storage.connection import connection

T = TypeVar("T")
AT_ONCE = 8


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="read")


def together(reads: Iterable[Callable[[], T]]) -> list[T]:
    """Return the results of all reads, in their order; raise the first error."""
    asked = list(reads)
    if len(asked) < 2:
        return [read() for read in asked]
    connection().client  # noqa: B018 - created once, before several threads create it
    return list(_pool().map(lambda read: read(), asked))
