"""Escapes untrusted text for a forge: titles, bodies, comments and commit messages."""

from __future__ import annotations

import re

_CLOSING_URL = re.compile(
    r"\b(c|f|r)(?=(?:lose[sd]?|ix(?:e[sd])?|esolve[sd]?):?\s+\W{0,2}(?:https?:|gh-))", re.I
)
"""The first letter of a keyword by which GitHub closes the issue of a URL or of GH-1. References
with # are escaped separately.
"""


def escape_references(text: str) -> str:
    """Return text without mentions of users, references to issues and markers of ours.

    An invisible character breaks each syntax that the forge would act on; the visible text is
    unchanged.
    """
    plain = text.replace("<!--", "<!- -").replace("@", "@\u200b").replace("#", "#\u200b")
    return _CLOSING_URL.sub("\\1\u200b", plain)


def escape_line(text: str) -> str:
    """Return text as one line of Markdown without links or HTML."""
    line = escape_references(" ".join(text.split()))
    return line.replace("<", "\\<").replace("[", "\\[")


def is_plain_url(text: str) -> bool:
    """Return whether a text is exactly one http(s) URL, which needs no escaping."""
    return re.fullmatch(r"https?://[^\s<>\"@\u200b]+", text) is not None
