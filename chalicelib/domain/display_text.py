"""Untrusted text made safe for one line, such as a title or a subject."""

from __future__ import annotations

from typing import Any

_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Bidirectional controls, which can reverse the text that follows."""
_TABLE: dict[int, Any] = {**_CONTROL, **_TURNING}


def to_one_line(text: str) -> str:
    """Return text on one line, without control characters and bidirectional controls."""
    return " ".join(text.translate(_TABLE).split())
