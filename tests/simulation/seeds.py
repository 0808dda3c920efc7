"""Seeds of a run of tests: fresh ones, printed at its head, or given ones."""

from __future__ import annotations

import os
import secrets

FRESH_ABOVE = 10**6
MOST_FRESH = 10**9


def fresh_seed() -> int:
    """Return a random seed above those that tests name."""
    return FRESH_ABOVE + secrets.randbelow(MOST_FRESH)


def choose_seeds() -> int:
    """Choose the first seed of this run once, for the processes that it starts as well."""
    return int(os.environ.setdefault("SEED_FROM", str(fresh_seed())))
