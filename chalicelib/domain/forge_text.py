"""Text of others, made safe for a forge: in titles, bodies, comments and commit messages."""

from __future__ import annotations

import re

_CLOSING_URL = re.compile(
    r"\b(c|f|r)(?=(?:lose[sd]?|ix(?:e[sd])?|esolve[sd]?):?\s+\W{0,2}(?:https?:|gh-))", re.I
)
"""A word by which GitHub closes what an address or GH-1 names; # is taken care of by itself."""


def escape_references(text: str) -> str:
    """Return text that mentions nobody, closes and links no issue, and forges no marker.

    An invisible character breaks each sign that the forge would act on; people read the same.
    """
    plain = text.replace("<!--", "<!- -").replace("@", "@\u200b").replace("#", "#\u200b")
    return _CLOSING_URL.sub("\\1\u200b", plain)


def escape_line(text: str) -> str:
    """Return text as one line of Markdown that is nothing but text."""
    line = escape_references(" ".join(text.split()))
    return line.replace("<", "\\<").replace("[", "\\[")


def is_plain_url(text: str) -> bool:
    """Tell whether a text is an address and nothing besides, so that it may stand as it is."""
    return re.fullmatch(r"https?://[^\s<>\"@\u200b]+", text) is not None
