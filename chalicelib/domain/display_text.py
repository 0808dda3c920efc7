"""Untrusted text made safe for one line, such as a title or a subject, and cut to a size."""

from __future__ import annotations

from typing import Any

MAX_REASON_LENGTH = 1000
"""The characters of a stored reason, such as that of a skip or of a disabled trigger."""
MAX_ERROR_LENGTH = 2048
"""The characters of a stored error message of a run."""
MAX_WAIT_REASON_LENGTH = 500
"""The characters of the stored reason why a run waits."""
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")
_TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Bidirectional controls, which can reverse the text that follows."""
_TABLE: dict[int, Any] = {**_CONTROL, **_TURNING}


def to_one_line(text: str) -> str:
    """Return text on one line, without control characters and bidirectional controls."""
    return " ".join(text.translate(_TABLE).split())


def cut_text(text: str, limit: int, size: int | None = None) -> str:
    """Return at most about `limit` bytes of a text, with a notice if something is missing.

    `size` is the size of the original in bytes if `text` is only the beginning of it.
    """
    encoded = text.encode("utf-8", "replace")
    size = max(size or 0, len(encoded))
    if size <= limit:
        return text
    notice = f" … [cut: {size} bytes]"
    head = encoded[: max(0, limit - len(notice.encode()))]
    return head.decode("utf-8", "ignore") + notice
