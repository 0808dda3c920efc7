"""Sign-in with an API key, and sign-out. Attempts are counted, and their results recorded."""

from __future__ import annotations

from collections.abc import Callable

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import attempts
from chalicelib.domain.access import Principal
from chalicelib.domain.activity import Deed
from chalicelib.domain.errors import TooMany
from chalicelib.web import audit
from chalicelib.web.pages import again, session
from chalicelib.web.pages.visit import SAFETY, Visit

WRONG_KEY = (
    "This key is unknown or has no access to the dashboard. Check that you pasted all of it."
)
WRONG_LINK = "This link was already used, or it has expired after ten minutes. Sign in with a key."
Begun = tuple[str, Principal]


def show(visit: Visit) -> Response:
    """Show the form. A sign-in link has a button instead, so that a prefetch does not use it up.

    A link does nothing for a reader who is signed in, because another person may have sent it.
    """
    if visit.session:
        return visit.go("tasks")
    if code := visit.query("once"):
        return visit.page("sign_in_link.html", code=code)
    return visit.page("login.html", next=visit.query("next"), wrong="", kept="")


def enter(visit: Visit) -> Response:
    """Start a session for the holder of a key or of a sign-in link."""
    if code := visit.form.get("once", ""):
        return _attempt(visit, lambda: _by_link(code), visit.urls.to("tasks"), WRONG_LINK)
    key, where = visit.form.get("key", "").strip(), visit.urls.inside(visit.form.get("next", ""))
    return _attempt(visit, lambda: session.begun(key), where, WRONG_KEY)


def leave(visit: Visit) -> Response:
    """End the session."""
    if visit.session:
        session.ended(visit.session)
        _record(visit, "remove", visit.session.who)
    return _entered(visit, "", visit.urls.to("login"))


def _attempt(visit: Visit, begin: Callable[[], Begun | None], where: str, wrong: str) -> Response:
    """Start a session, unless this source tried too often; then its key is not checked.

    After too many attempts of all sources together a valid key still starts a session.
    """
    world, source = wiring.world(), audit.origin_of(visit.request).source
    attempt = attempts.take(world, source)
    if attempt.delay:
        raise TooMany(attempt.delay)
    begun = begin()
    if begun is None and visit.session:
        # The link was opened twice, and its reader is already signed in.
        attempts.give_back(world, attempt)
        return visit.go("tasks")
    if begun is None and attempt.delay_if_wrong:
        raise TooMany(attempt.delay_if_wrong)
    if begun is None:
        _record(visit, "refuse", None)
        next_, kept = visit.form.get("next", ""), visit.form.get("kept", "")
        return visit.page("login.html", 401, next=next_, wrong=wrong, kept=kept)
    attempts.give_back(world, attempt)
    text, who = begun
    _record(visit, "create", who)
    typed = again.taken(visit.form.get("kept", ""))
    if typed is None:
        return _entered(visit, text, where)
    return _offered(visit, text, typed, where)


def _by_link(code: str) -> Begun | None:
    body = session.opened(code, "sign-in link")
    begun = session.begun(body["token"]) if body else None
    return begun if begun and _first_use(code) else None


def _first_use(code: str) -> bool:
    world = wiring.world()
    now = world.now()
    name = f"link#{session.fingerprint(code)}"
    return world.pulses.first(name, now, now + session.LINK_LIVES)


def _record(visit: Visit, verb: str, who: Principal | None) -> None:
    audit.note(visit.request, Deed(kind="session", verb=verb), who)


def _offered(visit: Visit, text: str, typed: again.Typed, where: str) -> Response:
    """Start the session, and offer to submit the form of the session before it."""
    begun = session.told(text)
    assert begun
    page = again.offered(visit, typed, begun, status=200, to=where)
    page.headers["Set-Cookie"] = session.cookie(text, visit.request)
    return page


def _entered(visit: Visit, text: str, where: str) -> Response:
    headers: dict[str, str | list[str]] = {
        **SAFETY,
        "Location": where,
        "Set-Cookie": session.cookie(text, visit.request),
    }
    return Response(body="", status_code=303, headers=headers)
