"""Reads the body of a request as text: compression, charset and byte order mark as declared."""

from __future__ import annotations

import codecs
import re
import zlib

from chalicelib.domain import limits
from chalicelib.domain.errors import Invalid, NotJson, TooLarge

GZIP_ENCODINGS = ("gzip", "x-gzip")
GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of everything that gzip makes. No JSON text and no form begins with them."""
NOT_GZIP_MESSAGE = "the body is not gzip, although its Content-Encoding is gzip"
KNOWN_CHARSETS = (
    *("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"),
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
)
"""Python's names of the accepted charsets; each has several aliases."""
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]{1,100})", re.IGNORECASE)


def read_text(body: bytes, encoding: str, content_type: str) -> str:
    """Return the text of a body with these headers `Content-Encoding` and `Content-Type`.

    Raises `Invalid` for a body that is not what it declares, `NotJson` for a charset or encoding
    that is not supported, and `TooLarge` for one that decompresses to more than 1 MiB.
    """
    try:
        return _decode(_decompress(body, encoding.strip().lower()), content_type)
    except Invalid:
        if is_decompressed(body, encoding):
            raise Invalid(NOT_GZIP_MESSAGE) from None
        raise


def is_decompressed(body: bytes, encoding: str) -> bool:
    """Return whether a body that is declared as gzip was decompressed on its way.

    API Gateway does so before it calls the function, and passes on the header nevertheless.
    """
    return encoding.strip().lower() in GZIP_ENCODINGS and not body.startswith(GZIP_MAGIC)


def _decompress(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity") or is_decompressed(body, encoding):
        return body
    if encoding not in GZIP_ENCODINGS:
        shown = encoding[:40]
        raise NotJson(f"the Content-Encoding {shown!r} is not supported: send gzip, or no encoding")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(body, limits.MAX_BODY_BYTES + 1)
    except zlib.error:
        raise Invalid(NOT_GZIP_MESSAGE) from None
    if len(content) > limits.MAX_BODY_BYTES:
        raise TooLarge("a decompressed delivery or request may have at most 1 MiB")
    if not unpacker.eof:
        raise Invalid("the gzip body is incomplete")
    return content


def _decode(body: bytes, content_type: str) -> str:
    charset_match = _CHARSET.search(content_type)
    declared = charset_match[1] if charset_match else ""
    try:
        name = codecs.lookup(declared).name if declared else "utf-8"
    except (LookupError, ValueError):
        name = ""
    if name not in KNOWN_CHARSETS:
        raise NotJson(f"the charset {declared[:40]!r} is not supported: send UTF-8")
    try:
        return body.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise Invalid(f"the body is not valid {declared or 'UTF-8'}") from None
