"""Sessions of the dashboard: an encrypted cookie that expires, at the latest with its API key."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalice.app import Request
from cryptography.exceptions import InvalidTag

from chalicelib import wiring
from chalicelib.actions import access
from chalicelib.domain.access import SESSION_LIVES, Principal, Scope, Unauthorized, principal

IN_CLEAR = "optio_session"
COOKIE = f"__Host-{IN_CLEAR}"
"""The prefix makes browsers reject the cookie from other hosts of the domain and over HTTP."""
LINK_LIVES = timedelta(minutes=10)


@dataclass(frozen=True)
class Session:
    """A signed-in reader. Every request checks the key again."""

    token: str
    who: Principal
    csrf: str

    def proves(self, given: str) -> bool:
        """Return whether a form was sent by a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), given.encode("utf-8", "replace"))


def begun(token: str) -> tuple[str, Principal] | None:
    """Return the cookie's text and its owner for a key that may read, otherwise None."""
    try:
        key, mine = access.open_session(wiring.world(), token)
    except Unauthorized:
        return None
    if Scope.READ not in key.scopes:
        return None
    until = wiring.world().now() + SESSION_LIVES
    body = {"token": mine, "until": until.isoformat(), "csrf": secrets.token_urlsafe(24)}
    return wiring.world().seals.seal(json.dumps(body), "session"), principal(key)


def link(token: str) -> str:
    """Return a code for the holder of a key that signs in within ten minutes."""
    until = wiring.world().now() + LINK_LIVES
    return wiring.world().seals.seal(
        json.dumps({"token": token, "until": until.isoformat(), "csrf": ""}), "sign-in link"
    )


def of(request: Request) -> Session | None:
    """Return the session of a request's cookie, if it has not ended."""
    return next((found for text in _kept(request) if (found := told(text))), None)


def _kept(request: Request) -> Iterator[str]:
    """Yield the texts of all cookies with our name; one of another app on the host hides none."""
    wanted = _name(request)
    for part in str(request.headers.get("cookie") or "").split(";"):
        name, _, text = part.strip().partition("=")
        if name == wanted:
            yield text.strip('"')


def _name(request: Request) -> str:
    """Return the cookie's name; only the proxy of a local stage reports plain HTTP."""
    clear = str(request.headers.get("x-forwarded-proto") or "") == "http"
    return IN_CLEAR if clear else COOKIE


def told(text: str) -> Session | None:
    """Return the session of a cookie's text, if it has not ended."""
    body = opened(text, "session")
    if body is None:
        return None
    try:
        who = access.principal_of(wiring.world(), body["token"])
    except Unauthorized:
        return None
    return Session(body["token"], who, body["csrf"])


def ended(session: Session) -> None:
    """End a session permanently; a copy of its cookie is invalid from then on."""
    access.close_session(wiring.world(), session.token)


def opened(sealed: str, about: str) -> dict[str, str] | None:
    """Return the content of an encrypted text, unless it is not ours or has expired."""
    try:
        body: dict[str, str] = json.loads(wiring.world().seals.open(sealed, about))
    except (ValueError, InvalidTag):
        return None
    ended = datetime.fromisoformat(body["until"]) <= wiring.world().now()
    return None if ended else body


def cookie(text: str, request: Request) -> str:
    """Return the Set-Cookie header that starts a session, or ends it if the text is empty."""
    name = _name(request)
    age = int(SESSION_LIVES.total_seconds()) if text else 0
    secure = "; Secure" if name == COOKIE else ""
    return f"{name}={text}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}"


def fingerprint(text: str) -> str:
    """Return the name under which a code is stored as used."""
    return hashlib.sha256(text.encode()).hexdigest()
