"""Programs of a whole session: a job under test, which ends all others, may not end these."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from chalicelib.runner.sandbox import processes

_lasting: set[int] = set()


@contextmanager
def starting_lasting_programs() -> Iterator[None]:
    """Spare every program that is started inside the block, with all that it starts later."""
    before = set(processes.list_descendants(os.getpid()))
    yield
    _lasting.update(set(processes.list_descendants(os.getpid())) - before)


@contextmanager
def sparing_lasting_programs() -> Iterator[None]:
    """Let the runner under test, which is this process, see no program that outlives its job."""
    real = processes.list_descendants

    def descendants(root: int, spare: Collection[int] = ()) -> dict[int, str]:
        return real(root, {*spare, *_lasting})

    with patch.object(processes, "list_descendants", descendants):
        yield
