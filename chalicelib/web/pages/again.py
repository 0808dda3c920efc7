"""Keeps a form whose session ended before it was submitted, so that no entry is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from chalice.app import Response
from cryptography.exceptions import InvalidTag

from chalicelib import wiring
from chalicelib.web.pages.session import Session
from chalicelib.web.pages.visit import NEVER_SHOWN, Visit

Typed = Mapping[str, list[str]]
ABOUT = "kept form"
MOST = 200_000
"""Maximum characters of a form that is carried through a login."""


def offered(visit: Visit, typed: Typed, session: Session, *, status: int, to: str = "") -> Response:
    """Show a button that submits the kept form; it is never submitted automatically."""
    return replace(visit, session=session).page("again.html", status, typed=typed, to=to)


def shown(lists: Typed) -> Typed:
    """Return the submitted fields that a page may show again."""
    return {name: texts for name, texts in lists.items() if name not in (*NEVER_SHOWN, "csrf")}


def kept(typed: Typed) -> str:
    """Return a form as encrypted text, or an empty text for a form that is too long."""
    text = json.dumps(typed)
    return wiring.world().seals.seal(text, ABOUT) if len(text) <= MOST else ""


def taken(text: str) -> Typed | None:
    """Return the form that `kept` encrypted, or None."""
    if not text:
        return None
    try:
        found: Typed = json.loads(wiring.world().seals.open(text, ABOUT))
    except (ValueError, InvalidTag):
        return None
    return found
