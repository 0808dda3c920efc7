"""Sign-in with an API key, and sign-out. Attempts are counted, and their results recorded."""

from __future__ import annotations

from collections.abc import Callable

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.access import keys, login_limit
from chalicelib.domain.access.audit import AuditAction
from chalicelib.domain.access.key import Principal
from chalicelib.domain.errors import RateLimited
from chalicelib.web.http import audit
from chalicelib.web.pages import resubmit, session
from chalicelib.web.pages.contexts.small_pages import LoginPage, SignInLinkPage
from chalicelib.web.pages.request import PAGE_HEADERS, PageRequest

WRONG_KEY = (
    "This key is unknown or has no access to the dashboard. Check that you pasted all of it."
)
WRONG_LINK = "This link was already used, or it has expired after ten minutes. Sign in with a key."
StartedSession = tuple[str, Principal]


def show_login(visit: PageRequest) -> Response:
    """Show the form. A sign-in link has a button instead, so that a prefetch does not use it up.

    A link does nothing for a reader who is signed in, because another person may have sent it.
    """
    if visit.session:
        return visit.redirect_to("tasks")
    if code := visit.query_param("once"):
        return visit.show_page(SignInLinkPage(code=code))
    return visit.show_page(LoginPage(next=visit.query_param("next"), error="", sealed_form=""))


def sign_in(visit: PageRequest) -> Response:
    """Start a session for the holder of a key or of a sign-in link."""
    if code := visit.form.get("once", ""):
        return _attempt_sign_in(
            visit, lambda: _start_by_link(code), visit.urls.link_to("tasks"), WRONG_LINK
        )
    key, where = (
        visit.form.get("key", "").strip(),
        visit.urls.link_inside(visit.form.get("next", "")),
    )
    return _attempt_sign_in(visit, lambda: session.start_session(key), where, WRONG_KEY)


def sign_out(visit: PageRequest) -> Response:
    """End the session."""
    if visit.session:
        session.end_session(visit.session)
        _record_sign_in(visit, "remove", visit.session.who)
    return _sign_in_by_link(visit, "", visit.urls.link_to("login"))


def _attempt_sign_in(
    visit: PageRequest, begin: Callable[[], StartedSession | None], where: str, wrong: str
) -> Response:
    """Start a session, unless this source tried too often; then its key is not checked.

    After too many attempts of all sources together a valid key still starts a session.
    """
    world, source = wiring.get_world(), audit.origin_of(visit.request).source
    attempt = login_limit.count_attempt(world, source)
    if attempt.delay:
        raise RateLimited(attempt.delay)
    begun = begin()
    if begun is None and visit.session:
        # The link was opened twice, and its reader is already signed in.
        login_limit.forget_attempt(world, attempt)
        return visit.redirect_to("tasks")
    if begun is None and attempt.delay_if_wrong:
        raise RateLimited(attempt.delay_if_wrong)
    if begun is None:
        _record_sign_in(visit, "refuse", None)
        next_, sealed_form = visit.form.get("next", ""), visit.form.get("kept", "")
        return visit.show_page(LoginPage(next=next_, error=wrong, sealed_form=sealed_form), 401)
    login_limit.forget_attempt(world, attempt)
    text, who = begun
    _record_sign_in(visit, "create", who)
    form_lists = resubmit.open_form(visit.form.get("kept", ""))
    if form_lists is None:
        return _sign_in_by_link(visit, text, where)
    return _sign_in_and_offer(visit, text, form_lists, where)


def _start_by_link(code: str) -> StartedSession | None:
    body = session.open_sealed(code, "sign-in link")
    begun = session.start_session(body["token"]) if body else None
    if begun is None or not keys.use_sign_in_link(
        wiring.get_world(), session.code_fingerprint(code), session.LINK_LIFETIME
    ):
        return None
    return begun


def _record_sign_in(visit: PageRequest, verb: str, who: Principal | None) -> None:
    audit.record_action(visit.request, AuditAction(kind="session", verb=verb), who)


def _sign_in_and_offer(
    visit: PageRequest, text: str, form_lists: resubmit.FormLists, where: str
) -> Response:
    """Start the session, and offer to submit the form of the session before it."""
    begun = session.session_from_cookie(text)
    assert begun
    page = resubmit.offer_resubmit(visit, form_lists, begun, status=200, to=where)
    page.headers["Set-Cookie"] = session.cookie_header(text, visit.request)
    return page


def _sign_in_by_link(visit: PageRequest, text: str, where: str) -> Response:
    headers: dict[str, str | list[str]] = {
        **PAGE_HEADERS,
        "Location": where,
        "Set-Cookie": session.cookie_header(text, visit.request),
    }
    return Response(body="", status_code=303, headers=headers)
