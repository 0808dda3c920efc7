"""The egress policy: network addresses that requests to user-supplied targets may reach."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import MAX_URL_LENGTH

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments of providers, including a metadata service
            "::/96",  # IPv4-compatible addresses (deprecated), which should not be routed
            "::ffff:0:0:0/96",  # IPv4-translated addresses
            "64:ff9b:1::/48",  # NAT64 within a private network
            "fec0::/10",  # site-local addresses, the predecessor of fc00::/7
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing within a provider's network
        ),
    )
)
"""Networks that `ipaddress` classifies as global although they are not public."""
MAX_LABEL_LENGTH = 63


class ForbiddenTarget(Invalid):
    """The target is not allowed by the egress policy."""


def is_permitted(address: str, host: str, allowed: Iterable[str]) -> bool:
    """Return whether a request to `host`, which was resolved to `address`, may be sent.

    `allowed` lists private hosts, addresses and networks that are allowed anyway.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public(parsed) or any(_matches_rule(rule, parsed, host) for rule in allowed)


def _is_public(address: Address) -> bool:
    if getattr(address, "scope_id", None):
        return False  # a scope id names an interface of one machine
    inner = _embedded_ipv4(address)
    if inner is not None:
        return _is_public(inner)
    odd = any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not odd


def _embedded_ipv4(address: Address) -> Address | None:
    """Return the IPv4 address that an IPv6 address embeds, or None."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _matches_rule(rule: str, address: Address, host: str) -> bool:
    try:
        return address in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return rule.casefold() == host.casefold().rstrip(".")


def is_allowed_by_name(host: str, allowed: Iterable[str]) -> bool:
    """Return whether `allowed` names this host, which also permits plain http to it."""
    return any(rule.casefold() == host.casefold() for rule in allowed)


def checked_url(text: str, allowed: Iterable[str], field: str) -> str:
    """Return a user-supplied service URL, stripped; raise `Invalid` if no request may go there.

    Only the literal host is checked here. Its resolved addresses are checked at connection time.
    """
    rules = tuple(allowed)
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid(f"{text[:200]!r} is not a URL", field) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_allowed_by_name(host, rules)):
        raise Invalid("the URL must begin with https://", field)
    if (
        not host
        or len(text) > MAX_URL_LENGTH
        or any(c.isspace() or ord(c) < 32 for c in text.strip())
    ):
        raise Invalid("this is not a valid URL of a service: write https://host/path", field)
    if parts.username or parts.password:
        raise Invalid("a URL must not carry a credential", field)
    checked_host(host, rules, field)
    return text.strip()


def checked_host(host: str, allowed: Iterable[str], field: str) -> None:
    """Raise `Invalid` if a host is visibly not public and `allowed` does not name it."""
    rules = tuple(allowed)
    if "%" in host:
        message = f"{host[:200]} is not a host: write a name or an address without % escapes"
        raise Invalid(message, field)
    if (
        not _may_be_public(host)
        and not is_allowed_by_name(host, rules)
        and not is_permitted(host, host, rules)
    ):
        message = f"{host} is not a public address: add it to OPTIO_ALLOW_PRIVATE_URLS to allow it"
        raise Invalid(message, field)


def _may_be_public(host: str) -> bool:
    """Return whether a host is a name or an address of the public network."""
    try:
        # A resolver receives the IDNA form: for it "①②⑦" and "127" are the same name.
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    try:
        return _is_public(ipaddress.ip_address(name))
    except ValueError:
        return _is_public_name(name)


def _is_public_name(name: str) -> bool:
    # A resolver reads "127.1" and "127.0.0.0xa" as addresses. They are not names, because the last
    # part of a name begins with a letter.
    labels = name.casefold().split(".")
    plain = all(0 < len(label) <= MAX_LABEL_LENGTH and _is_plain_label(label) for label in labels)
    return plain and len(labels) > 1 and labels[-1][0].isalpha() and labels[-1] != "localhost"


def _is_plain_label(label: str) -> bool:
    """Return whether a label has no character that another parser might decode, such as %2f."""
    return all(c.isascii() and (c.isalnum() or c in "-_") for c in label)
