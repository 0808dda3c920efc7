"""Which addresses of the network a request may go to whose target a user named."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocols of providers, a metadata service among them
            "::/96",  # IPv4 in the oldest clothing, which no route should know
            "::ffff:0:0:0/96",  # IPv4 as a translator writes it
            "64:ff9b:1::/48",  # the NAT64 of a network of one's own
            "fec0::/10",  # private, before there was fc00::/7
            "3fff::/20",  # for documentation
            "5f00::/16",  # segments of a provider's own network
        ),
    )
)
"""What the library takes for public, and is not."""
LABEL = 63


class Unreachable(Invalid):
    """A target that no request may go to."""


def permitted(address: str, host: str, allowed: Iterable[str]) -> bool:
    """Whether a request to `host`, which turned out to be at `address`, may go there.

    `allowed` names what is private and meant all the same: hosts, addresses and networks.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _public(parsed) or any(_names(rule, parsed, host) for rule in allowed)


def _public(address: Address) -> bool:
    if getattr(address, "scope_id", None):
        return False  # a zone is an interface of one machine
    inner = _within(address)
    if inner is not None:
        return _public(inner)
    odd = any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not odd


def _within(address: Address) -> Address | None:
    """Return the IPv4 address that an IPv6 one leads to, where it is only its clothing."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _names(rule: str, address: Address, host: str) -> bool:
    try:
        return address in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return rule.casefold() == host.casefold().rstrip(".")


def named(host: str, allowed: Iterable[str]) -> bool:
    """Whether a host is named itself, so that it may be asked in clear, too."""
    return any(rule.casefold() == host.casefold() for rule in allowed)


def checked_url(text: str, allowed: Iterable[str], field: str) -> str:
    """Return the URL of a service of a user's; raise `Invalid` where no request may go there.

    A host's name is resolved when it is connected to, and checked again there.
    """
    rules = tuple(allowed)
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid(f"{text[:200]!r} is not a URL", field) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and named(host, rules)):
        raise Invalid("write a URL that begins with https://", field)
    if not host or len(text) > URL or any(c.isspace() or ord(c) < 32 for c in text.strip()):
        raise Invalid("this is not the URL of a service", field)
    if parts.username or parts.password:
        raise Invalid("a URL must not carry a credential", field)
    checked_host(host, rules, field)
    return text.strip()


def checked_host(host: str, allowed: Iterable[str], field: str) -> None:
    """Raise `Invalid` where a host is visibly none of the public network, nor allowed."""
    rules = tuple(allowed)
    if "%" in host:
        message = f"{host[:200]} is not a host: write a name or an address without % escapes"
        raise Invalid(message, field)
    if not _may_be_public(host) and not named(host, rules) and not permitted(host, host, rules):
        message = f"{host} is no public address: OPTIO_ALLOW_PRIVATE_URLS has to name it"
        raise Invalid(message, field)


def _may_be_public(host: str) -> bool:
    """Whether a host is a name of the public network, or an address of it."""
    try:
        # The form that goes to a resolver: "①②⑦" and "127" are the same name there.
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    try:
        return _public(ipaddress.ip_address(name))
    except ValueError:
        return _is_public_name(name)


def _is_public_name(name: str) -> bool:
    # "127.1" and "127.0.0.0xa" are addresses to a resolver, but no names: there the last part
    # begins with a letter.
    labels = name.casefold().split(".")
    plain = all(0 < len(label) <= LABEL and _plain(label) for label in labels)
    return plain and len(labels) > 1 and labels[-1][0].isalpha() and labels[-1] != "localhost"


def _plain(label: str) -> bool:
    """Whether a part of a name holds nothing that another reader takes apart, such as %2f."""
    return all(c.isascii() and (c.isalnum() or c in "-_") for c in label)
