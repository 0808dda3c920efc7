"""Limits on attempts to sign in: for each source and for all sources together."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class LoginLimit:
    """At most `max_attempts` attempts in each fixed window of length `span`,
    shared by all callers.
    """

    max_attempts: int
    span: timedelta

    def window_at(self, now: datetime) -> tuple[str, datetime]:
        """Return the number of the window that contains `now`, and its end."""
        number = int(now.timestamp() // self.span.total_seconds())
        end = datetime.fromtimestamp((number + 1) * self.span.total_seconds(), UTC)
        return str(number), end


LIMIT_PER_SOURCE = LoginLimit(max_attempts=10, span=timedelta(minutes=5))
LIMIT_OF_ALL_SOURCES = LoginLimit(max_attempts=300, span=timedelta(minutes=1))
"""Wrong attempts of all sources together that are recorded and answered in detail. A valid key is
never rejected by this limit: otherwise an attacker with many addresses could lock all users out.
"""


def client_network(source: str) -> str:
    """Return the network to rate-limit: the IPv4 address, or the /64 prefix of an IPv6 address.

    Text that is not an IP address is returned as it is, up to 100 characters.
    """
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:100] or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
