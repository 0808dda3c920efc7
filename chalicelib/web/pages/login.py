"""Signing in with an API key, and out again."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.web.pages import session
from chalicelib.web.pages.shell import SAFETY, Visit


def show(visit: Visit) -> Response:
    """Show the form; a link that signs in needs no form."""
    code = visit.query("once")
    if code:
        return _by_link(visit, code)
    if visit.session:
        return visit.go("tasks")
    return visit.page("login.html", next=visit.query("next"), wrong="")


def enter(visit: Visit) -> Response:
    """Begin a session for whoever holds a key."""
    following = visit.form.get("next", "")
    text = session.begun(visit.form.get("key", "").strip())
    if text is None:
        wrong = "This key is not known, or it may not use the dashboard. Is it whole?"
        return visit.page("login.html", 401, next=following, wrong=wrong)
    return _entered(visit, text, visit.urls.inside(following))


def leave(visit: Visit) -> Response:
    """End the session."""
    if visit.session:
        session.ended(visit.session)
    return _entered(visit, "", visit.urls.to("login"))


def _by_link(visit: Visit, code: str) -> Response:
    body = session.opened(code, "sign-in link")
    text = session.begun(body["token"]) if body else None
    if text is None or not _first_use(code):
        wrong = "This link was used already, or its ten minutes are over. Sign in with a key."
        return visit.page("login.html", 401, next="", wrong=wrong)
    return _entered(visit, text, visit.urls.to("tasks"))


def _first_use(code: str) -> bool:
    world = wiring.world()
    return world.pulses.first(f"link#{session.fingerprint(code)}", world.now())


def _entered(visit: Visit, text: str, where: str) -> Response:
    headers: dict[str, str | list[str]] = {
        **SAFETY,
        "Location": where,
        "Set-Cookie": session.cookie(text, visit.request),
    }
    return Response(body="", status_code=303, headers=headers)
