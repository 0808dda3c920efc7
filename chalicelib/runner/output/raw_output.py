"""The output of a program as bytes, unchanged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO

from chalicelib.runner.output.text import LineSplitter

_STREAM_CHECK_SECONDS = 0.1


class RawLines(LineSplitter):
    """The bytes of a program's output as they come, in memory or in a file."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._pieces: list[bytes] = []
        self._is_closed = threading.Event()

    def feed_bytes(self, data: bytes) -> None:
        if self._file is None:
            self._pieces.append(data)
        else:
            self._file.write(data)

    def flush_unfinished(self) -> None:
        """Wait for more: these bytes are read only at their end."""

    def feed_end(self) -> None:
        self._is_closed.set()

    def wait_for_end(self, check: Callable[[], None]) -> bytes:
        """Return all that was printed; `check` raises where its end takes too long.

        A process that the program left behind may hold the stream open.
        """
        while not self._is_closed.wait(_STREAM_CHECK_SECONDS):
            check()
        return b"".join(self._pieces)
