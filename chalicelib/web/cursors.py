"""Cursors of lists: opaque to callers, and the same text in a URL as in an answer."""

from __future__ import annotations

import base64
import binascii

from chalicelib.domain.errors import Invalid


def encode_cursor(position: str | None) -> str | None:
    """Return the cursor of a position in a list, in characters that no URL has to escape."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> str | None:
    """Return the position that a cursor stands for; raise `Invalid` for one that nobody made."""
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        position = ""
    if not position or encode_cursor(position) != cursor:
        raise Invalid("is not a cursor of this list: use the nextCursor of an answer", "cursor")
    return position
