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
from chalicelib.actions.access import keys
from chalicelib.domain.access.key import (
    SESSION_LIFETIME,
    Principal,
    Scope,
    Unauthorized,
    principal_of_key,
)

PLAIN_COOKIE_NAME = "optio_session"
COOKIE_NAME = f"__Host-{PLAIN_COOKIE_NAME}"
"""The prefix makes browsers reject the cookie from other hosts of the domain and over HTTP."""
LINK_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True)
class PageSession:
    """A signed-in reader. Every request checks the key again."""

    token: str
    who: Principal
    csrf: str

    def is_own_form(self, token: str) -> bool:
        """Return whether a form was sent by a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), token.encode("utf-8", "replace"))


def start_session(token: str) -> tuple[str, Principal] | None:
    """Return the cookie's text and its owner for a key that may read, otherwise None."""
    try:
        key, mine = keys.open_session(wiring.get_world(), token)
    except Unauthorized:
        return None
    if Scope.READ not in key.scopes:
        return None
    until = wiring.get_world().now() + SESSION_LIFETIME
    body = {"token": mine, "until": until.isoformat(), "csrf": secrets.token_urlsafe(24)}
    return wiring.get_world().encryption.encrypt_secret(
        json.dumps(body), "session"
    ), principal_of_key(key)


def sign_in_code(token: str) -> str:
    """Return a code for the holder of a key that signs in within ten minutes."""
    until = wiring.get_world().now() + LINK_LIFETIME
    return wiring.get_world().encryption.encrypt_secret(
        json.dumps({"token": token, "until": until.isoformat(), "csrf": ""}), "sign-in link"
    )


def session_of_request(request: Request) -> PageSession | None:
    """Return the session of a request's cookie, if it has not ended."""
    return next(
        (
            page_session
            for text in _cookie_texts(request)
            if (page_session := session_from_cookie(text))
        ),
        None,
    )


def _cookie_texts(request: Request) -> Iterator[str]:
    """Yield the texts of all cookies with our name; one of another app on the host hides none."""
    cookie_name = _cookie_name(request)
    for part in str(request.headers.get("cookie") or "").split(";"):
        name, _, text = part.strip().partition("=")
        if name == cookie_name:
            yield text.strip('"')


def _cookie_name(request: Request) -> str:
    """Return the cookie's name; only the proxy of a local stage reports plain HTTP."""
    clear = str(request.headers.get("x-forwarded-proto") or "") == "http"
    return PLAIN_COOKIE_NAME if clear else COOKIE_NAME


def session_from_cookie(text: str) -> PageSession | None:
    """Return the session of a cookie's text, if it has not ended."""
    body = open_sealed(text, "session")
    if body is None:
        return None
    try:
        who = keys.principal_of(wiring.get_world(), body["token"])
    except Unauthorized:
        return None
    return PageSession(body["token"], who, body["csrf"])


def end_session(session: PageSession) -> None:
    """End a session permanently; a copy of its cookie is invalid from then on."""
    keys.close_session(wiring.get_world(), session.token)


def open_sealed(sealed: str, about: str) -> dict[str, str] | None:
    """Return the content of an encrypted text, unless it is not ours or has expired."""
    try:
        body: dict[str, str] = json.loads(
            wiring.get_world().encryption.decrypt_secret(sealed, about)
        )
    except (ValueError, InvalidTag):
        return None
    ended = datetime.fromisoformat(body["until"]) <= wiring.get_world().now()
    return None if ended else body


def cookie_header(text: str, request: Request) -> str:
    """Return the Set-Cookie header that starts a session, or ends it if the text is empty."""
    name = _cookie_name(request)
    age = int(SESSION_LIFETIME.total_seconds()) if text else 0
    secure = "; Secure" if name == COOKIE_NAME else ""
    return f"{name}={text}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}"


def code_fingerprint(text: str) -> str:
    """Return the name under which a code is stored as used."""
    return hashlib.sha256(text.encode()).hexdigest()
