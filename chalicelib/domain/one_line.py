"""Text that others wrote, made fit for one line: a title, a subject."""

from __future__ import annotations

from typing import Any

_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""What lets all that follows run the other way, so that it reads as something else."""
_TABLE: dict[int, Any] = {**_CONTROL, **_TURNING}


def one_line(text: str) -> str:
    """Return text on one line, with nothing in it that steers whoever shows it."""
    return " ".join(text.translate(_TABLE).split())
