"""Starts ministack, in its own virtual environment, without two costs that AWS does not have.

It parses an expression anew for each row of the partition that a query looks at, and after each
invocation of a silent function it waits for something to be logged, 50 ms long: see
docs/decisions/0027-what-a-page-reads.md. The pinned version has both under these names.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from typing import Any

REMEMBERED = 4096
SILENCE_SECONDS = 0.01
"""What a function logged comes before its answer; what is late is read with the next one."""


def remember() -> None:
    """Keep what its two pure parsers answered."""
    dynamodb: Any = import_module("ministack.services.dynamodb")
    tokenize = functools.lru_cache(REMEMBERED)(dynamodb._tokenize)
    faults = functools.lru_cache(REMEMBERED)(dynamodb._condition_syntax_error)
    dynamodb._tokenize = tokenize
    dynamodb._condition_syntax_error = faults


def be_brief() -> None:
    """Wait less long for what a function may still log."""
    worker: Any = import_module("ministack.core.lambda_runtime").Worker
    _, idle, most = worker._drain_stderr_bounded.__defaults__
    worker._drain_stderr_bounded.__defaults__ = (SILENCE_SECONDS, idle, most)


if __name__ == "__main__":
    remember()
    be_brief()
    sys.exit(import_module("ministack.app").main())
