"""List cursors: opaque to callers, and the same text in a URL as in a response."""

from __future__ import annotations

import base64
import binascii

from chalicelib.domain.errors import Invalid
from chalicelib.domain.page import Cursor


def encode_cursor(position: Cursor | None) -> str | None:
    """Return the cursor of a list position, in characters that need no escaping in a URL."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> Cursor | None:
    """Return the position of a cursor; raise `Invalid` for one that no response contained."""
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position = Cursor(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except (ValueError, binascii.Error):
        position = Cursor("")
    if not position or encode_cursor(position) != cursor:
        raise Invalid("is not a cursor of this list: use the nextCursor of a response", "cursor")
    return position
