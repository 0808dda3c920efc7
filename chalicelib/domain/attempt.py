"""Attempts to sign in: how many a source has, and how many there may be in all."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So many within a span of time; the spans follow each other, the same for everybody."""

    most: int
    span: timedelta

    def window(self, now: datetime) -> tuple[str, datetime]:
        """Return the name of the span that `now` lies in, and its end."""
        number = int(now.timestamp() // self.span.total_seconds())
        end = datetime.fromtimestamp((number + 1) * self.span.total_seconds(), UTC)
        return str(number), end


OF_SOURCE = Limit(most=10, span=timedelta(minutes=5))
OF_ALL = Limit(most=300, span=timedelta(minutes=1))
"""Wrong attempts that are recorded and explained. A right key is never refused by it: whoever has
many addresses could otherwise keep everybody else out."""


def neighbourhood(source: str) -> str:
    """Return whom an address stands for: who has one of IPv6 has the 2^64 beside it, too."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:100] or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
