"""What every answer tells a browser, whether it is data or a page."""

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
"""The policy of an answer that is data: should a browser ever show it, nothing in it runs."""


def of_data(kind: str = "application/json") -> dict[str, str | list[str]]:
    """Return the headers of an answer that holds data."""
    return {**EVERYWHERE, "Content-Security-Policy": NOTHING_RUNS, "Content-Type": kind}
