"""Headers of every response, data or page."""

from __future__ import annotations

COMMON_HEADERS: dict[str, str] = {
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""The content policy of data: even if a browser shows it, nothing in it runs."""


def data_headers(kind: str = "application/json") -> dict[str, str | list[str]]:
    """Return the headers of a data response."""
    return {**COMMON_HEADERS, "Content-Security-Policy": NO_CONTENT_POLICY, "Content-Type": kind}
