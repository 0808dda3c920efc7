"""Starts ministack, in its own virtual environment, with its expressions parsed once.

It parses an expression anew for each row of the partition that a query looks at, which is most of
what a query costs there: see docs/decisions/0027-what-a-page-reads.md.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from typing import Any

REMEMBERED = 4096


def remember() -> None:
    """Keep what its two pure parsers answered; the pinned version has them under these names."""
    dynamodb: Any = import_module("ministack.services.dynamodb")
    tokenize = functools.lru_cache(REMEMBERED)(dynamodb._tokenize)
    faults = functools.lru_cache(REMEMBERED)(dynamodb._condition_syntax_error)
    dynamodb._tokenize = lambda text: list(tokenize(text))
    dynamodb._condition_syntax_error = faults


if __name__ == "__main__":
    remember()
    sys.exit(import_module("ministack.app").main())
