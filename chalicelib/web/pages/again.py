"""A form whose session ended while somebody filled it: nothing that was typed is lost."""

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
"""A form that is longer is not carried through a login."""


def offered(visit: Visit, typed: Typed, session: Session, *, status: int, to: str = "") -> Response:
    """Show a button that sends on what was typed; only a person presses it."""
    return replace(visit, session=session).page("again.html", status, typed=typed, to=to)


def shown(lists: Typed) -> Typed:
    """Return what a page may hold again of what was sent."""
    return {name: texts for name, texts in lists.items() if name not in (*NEVER_SHOWN, "csrf")}


def kept(typed: Typed) -> str:
    """Return a form as text that nobody else can read or make, or nothing for one too long."""
    text = json.dumps(typed)
    return wiring.world().seals.seal(text, ABOUT) if len(text) <= MOST else ""


def taken(text: str) -> Typed | None:
    """Return the form that `kept` made a text of."""
    if not text:
        return None
    try:
        found: Typed = json.loads(wiring.world().seals.open(text, ABOUT))
    except (ValueError, InvalidTag):
        return None
    return found
