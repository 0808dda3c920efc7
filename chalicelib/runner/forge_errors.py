"""Classes of failed conversations with a forge, by what git prints."""

from __future__ import annotations

import re

from chalicelib.runner.git import Said

_NETWORK = re.compile(
    r"could not resolve host|failed to connect|connection (refused|reset|timed out)|timed out"
    r"|early eof|RPC failed|returned error: 5\d\d|remote end hung up|network is unreachable",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(
    r"authentication failed|could not read (username|password)|permission denied \(publickey"
    r"|returned error: 40[13]|invalid credentials",
    re.IGNORECASE,
)


def kind_of(said: Said, default: str) -> str:
    """Return the class of a failed conversation with the forge."""
    if _NETWORK.search(said.err):
        return "network"
    return "credential" if default == "clone" and _CREDENTIAL.search(said.err) else default
