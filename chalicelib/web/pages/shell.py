"""Dispatches every page: sign-in, CSRF check, error pages and the audit record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from chalice.app import Request, Response

from chalicelib.domain import limits
from chalicelib.domain.access import Forbidden, Scope
from chalicelib.domain.errors import DomainError, Invalid, NotFound, TooLarge, TooMany
from chalicelib.web import audit
from chalicelib.web.http import WRITES, raw_of, status_of
from chalicelib.web.pages import again
from chalicelib.web.pages import session as sessions
from chalicelib.web.pages.session import Session
from chalicelib.web.pages.visit import SAFETY, Visit, faults_of

log = logging.getLogger(__name__)
MOST_FIELDS = 2000
BUTTONS: Mapping[str, tuple[str, ...]] = {
    "/tasks": ("retry", "cancel"),
    "/templates": ("", "delete"),
    "/repos": ("", "delete"),
    "/secrets": ("", "delete"),
    "/tickets": ("", "delete", "pause", "resume"),
    "/settings": ("make", "revoke"),
    "/settings/webhooks/{webhook_id}": ("save", "test", "pause", "resume", "rotate", "delete"),
}
"""The buttons of each page. Others are rejected, because the audit log uses these names."""
OF_ITS_OWN = ("/tasks/{task_id}", "/tasks/scheduled/{task_id}")
"""Pages that reject unknown buttons themselves."""
NOTHING = "There is no page at this address."
SIGNED_OUT = "Your session has ended. Sign in to submit your entries."
OUT_OF_DATE = "this form is out of date: go back, reload the page, and send it again"


def answer(
    request: Request,
    pattern: str,
    room: str,
    name: str,
    needs: Scope | None,
    params: Mapping[str, str],
) -> Response:
    """Answer a request with the view `name` of a module, if the reader may see it."""
    given = {key: unquote(value) for key, value in params.items()}
    path = "/".join(
        given[part[1:-1]].replace("/", "%2F") if part.startswith("{") else part
        for part in pattern.split("/")
    )
    visit = Visit(request, path, None)
    try:
        session = sessions.of(request) if "assets" not in room else None
        visit = Visit(request, path, session)
        if session is None and needs is not None:
            return _to_login(visit)
        if session and needs and not session.who.may(needs):
            raise Forbidden(f"your API key does not allow this: it needs the scope {needs.value}")
        if request.method == "POST":
            audit.begin()
            visit = _written(visit, opens=needs is None)
            if needs in WRITES:
                _check_button(pattern, visit.form.get("do", ""))
        view: Any = getattr(import_module(room), name)
        response: Response = view(visit, **given)
    except Stale as stale:
        return again.offered(visit, stale.typed, stale.session, status=403)
    except DomainError as error:
        return refusal(visit, error)
    if visit.session and request.method == "POST" and needs in WRITES:
        _record(visit, pattern, given, response)
    return response


def _check_button(pattern: str, pressed: str) -> None:
    if pattern not in OF_ITS_OWN and pressed not in BUTTONS.get(pattern, ("",)):
        raise Invalid("this page has no such button: reload it, and choose again", "do")


def _record(visit: Visit, pattern: str, given: Mapping[str, str], done: Response) -> None:
    if visit.session and done.status_code < 400:
        deed = audit.of_page(pattern, given, visit.form, done)
        audit.note(visit.request, deed, visit.session.who)


class Stale(Forbidden):
    """A form of the dashboard with the token of an earlier session."""

    def __init__(self, typed: again.Typed, session: Session) -> None:
        super().__init__(OUT_OF_DATE)
        self.typed, self.session = typed, session


def _to_login(visit: Visit) -> Response:
    if visit.query("part"):
        return Response(body="", status_code=401, headers={**SAFETY, "HX-Refresh": "true"})
    if visit.request.method == "POST" and visit.site == "same-origin":
        kept = again.kept(again.shown(_lists(visit.request)))
        return visit.page("login.html", 401, next=visit.path, wrong=SIGNED_OUT, kept=kept)
    asked = dict(visit.request.query_params or {})
    wanted = visit.path + (f"?{urlencode(asked)}" if asked else "")
    return visit.go("login", next=wanted if visit.request.method == "GET" else visit.path)


def _written(visit: Visit, *, opens: bool) -> Visit:
    """Return the visit with its form after checking that a page of the dashboard sent it."""
    lists = _lists(visit.request)
    form = {name: values[-1] for name, values in lists.items()}
    site = visit.site
    if site not in ("same-origin", "none", ""):
        raise Forbidden(OUT_OF_DATE)
    if not opens and not (visit.session and visit.session.proves(form.get("csrf", ""))):
        if visit.session and site == "same-origin":
            raise Stale(again.shown(lists), visit.session)
        raise Forbidden(OUT_OF_DATE)
    return Visit(visit.request, visit.path, visit.session, form, lists)


def _lists(request: Request) -> dict[str, list[str]]:
    raw = raw_of(request)
    if len(raw) > limits.BODY:
        raise TooLarge("a form must not be larger than 1 MiB")
    try:
        lists = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Invalid("this form is not valid: it must be UTF-8 with at most 2000 fields") from None
    return {name: [text.replace("\r\n", "\n") for text in one] for name, one in lists.items()}


def refusal(visit: Visit, error: DomainError) -> Response:
    """Return the page of an error."""
    title = "Not found" if isinstance(error, NotFound) else "This did not work"
    said = NOTHING if isinstance(error, NotFound) else str(error)
    page = visit.page(
        "error.html", status_of(error), title=title, message=said, faults=faults_of(error)
    )
    if isinstance(error, TooMany):
        page.headers["Retry-After"] = str(error.seconds)
    return page


def stray(request: Request, path: str, status: int, said: str) -> Response:
    """Return the error page of a request that no view handles."""
    title = "Not found" if status == 404 else "This did not work"
    message = NOTHING if status == 404 else said
    visit = Visit(request, path, None)
    return visit.page("error.html", status, title=title, message=message, faults=[])
