"""Headers of every response, data or page."""

from __future__ import annotations

EVERYWHERE: dict[str, str] = {
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'"
"""The content policy of data: even if a browser shows it, nothing in it runs."""


def of_data(kind: str = "application/json") -> dict[str, str | list[str]]:
    """Return the headers of a data response."""
    return {**EVERYWHERE, "Content-Security-Policy": NOTHING_RUNS, "Content-Type": kind}
