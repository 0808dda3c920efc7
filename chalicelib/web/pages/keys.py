"""The API keys: created with a token that is shown once, and revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import access
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.firing import Claim
from chalicelib.web import audit, models
from chalicelib.web.http import known_id
from chalicelib.web.pages.typed import Typed
from chalicelib.web.pages.visit import Visit

PAGE = 50
MOST_DAYS = 3650
USUAL = {"role": "member", "days": "90"}


def index(visit: Visit) -> Response:
    """List the keys, and show the form to create one."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None, token: str = "") -> Response:
    found, position = wiring.world().keys.newest(visit.position, PAGE)
    values = {"found": found, "position": position, "token": token}
    return visit.form_page("settings.html", error, USUAL, **values)


def act(visit: Visit) -> Response:
    """Create or revoke a key."""
    world, session = wiring.world(), visit.session
    assert session is not None
    try:
        if visit.form.get("do") == "revoke":
            chosen = known_id("API key", visit.form.get("id", ""))
            access.revoke(world, chosen, session.who)
            return visit.go("settings", done="revoked")
        return _page(visit, None, _made(visit.typed, session.who.id, visit.once()))
    except (Invalid, Conflict) as error:
        return _page(visit, error)


def _made(typed: Typed, by: str, claim: Claim) -> str:
    """Create the key that a form describes; return its token, which only this response shows."""
    role = typed.text("role")
    may = {"scopes": [Scope.RUNNER.value]} if role == Scope.RUNNER else {"role": role}
    body = {"name": typed.text("name"), **may, "expiresAt": _end(typed)}
    asked = models.parsed(models.NewKey, body, besides=typed.faults)
    key, token = access.make(
        wiring.world(),
        asked.name,
        role=asked.role,
        scopes=asked.scopes,
        expires_at=asked.expires_at,
        by=by,
        claim=claim,
    )
    audit.made(key.id, key.name)
    return token


def _end(typed: Typed) -> datetime | None:
    for days in typed.numbers("days").values():
        if 1 <= days <= MOST_DAYS:
            return wiring.world().now() + timedelta(days=days)
        typed.blame(
            "days", f"must be 1 to {MOST_DAYS} days; leave it empty for a key without an end"
        )
    return None
