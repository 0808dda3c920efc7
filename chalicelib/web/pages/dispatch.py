"""Dispatches every page: sign-in, CSRF check, error pages and the audit record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from chalice.app import Request, Response

from chalicelib.domain import limits
from chalicelib.domain.access.key import Forbidden, Scope
from chalicelib.domain.errors import DomainError, Invalid, NotFound, TooLarge
from chalicelib.web.http import audit
from chalicelib.web.http.errors import retry_headers, status_of
from chalicelib.web.http.requests import raw_body
from chalicelib.web.pages import resubmit
from chalicelib.web.pages import session as sessions
from chalicelib.web.pages.contexts.small_pages import ErrorPage, LoginPage
from chalicelib.web.pages.request import PAGE_HEADERS, PageRequest
from chalicelib.web.pages.session import PageSession

log = logging.getLogger(__name__)
MAX_FIELDS = 2000
FORM_KINDS = ("id", "mode=run")
"""Names in the actions of a page that stand for kinds of a form without a button."""
SELF_RECORDED_PAGES = ("/tasks/{task_id}", "/tasks/scheduled/{task_id}")
"""Pages that reject unknown buttons themselves."""
NOT_FOUND_MESSAGE = "There is no page at this address."
SIGNED_OUT_MESSAGE = "Your session has ended. Sign in to submit your entries."
OUT_OF_DATE_MESSAGE = "this form is out of date: go back, reload the page, and send it again"


def dispatch_page(
    request: Request,
    pattern: str,
    room: str,
    name: str,
    needs: Scope | None,
    actions: Mapping[str, str] | None,
    params: Mapping[str, str],
) -> Response:
    """Answer a request with the view `name` of a module, if the reader may see it.

    `actions` are those of a form that writes, and None for any other page.
    """
    path_params = {key: unquote(value) for key, value in params.items()}
    path = "/".join(
        path_params[part[1:-1]].replace("/", "%2F") if part.startswith("{") else part
        for part in pattern.split("/")
    )
    visit = PageRequest(request, path, None)
    try:
        session = sessions.session_of_request(request) if "assets" not in room else None
        visit = PageRequest(request, path, session)
        if session is None and needs is not None:
            return _redirect_to_login(visit)
        if session and needs and not session.who.has_scope(needs):
            raise Forbidden(f"your API key does not allow this: it needs the scope {needs.value}")
        if request.method == "POST":
            audit.forget_created()
            visit = _with_form(visit, opens=needs is None)
            if actions is not None:
                _check_button(pattern, actions, visit.form.get("do", ""))
        view: Any = getattr(import_module(room), name)
        response: Response = view(visit, **path_params)
    except StaleForm as stale:
        return resubmit.offer_resubmit(visit, stale.lists, stale.session, status=status_of(stale))
    except DomainError as error:
        return error_page(visit, error)
    if actions is not None:
        _record_action(visit, actions, path_params, response)
    return response


def _check_button(pattern: str, actions: Mapping[str, str], pressed: str) -> None:
    is_button = pressed in actions and pressed not in FORM_KINDS
    if pattern not in SELF_RECORDED_PAGES and not is_button:
        raise Invalid("this page has no such button: reload it, and choose again", "do")


def _record_action(
    visit: PageRequest, actions: Mapping[str, str], path_params: Mapping[str, str], done: Response
) -> None:
    if visit.session and done.status_code < 400:
        action = actions[_chosen_action(visit.form, actions)]
        audit_action = audit.action_of_page(action, path_params, visit.form, done)
        audit.record_action(visit.request, audit_action, visit.session.who)


def _chosen_action(form: Mapping[str, str], actions: Mapping[str, str]) -> str:
    """Return the name of the pressed button, or of the kind of a form without buttons."""
    button = form.get("do", "").partition(":")[0]
    if button:
        return button
    if form.get("id") and "id" in actions:
        return "id"
    return "mode=run" if form.get("mode") == "run" and "mode=run" in actions else ""


class StaleForm(Forbidden):
    """A form of the dashboard with the token of an earlier session."""

    def __init__(self, lists: resubmit.FormLists, session: PageSession) -> None:
        super().__init__(OUT_OF_DATE_MESSAGE)
        self.lists, self.session = lists, session


def _redirect_to_login(visit: PageRequest) -> Response:
    if visit.query_param("part"):
        return Response(body="", status_code=401, headers={**PAGE_HEADERS, "HX-Refresh": "true"})
    if visit.request.method == "POST" and visit.fetch_site == "same-origin":
        sealed_form = resubmit.seal_form(resubmit.restore_lists(_form_lists(visit.request)))
        page = LoginPage(next=visit.path, error=SIGNED_OUT_MESSAGE, sealed_form=sealed_form)
        return visit.show_page(page, 401)
    query = dict(visit.request.query_params or {})
    target = visit.path + (f"?{urlencode(query)}" if query else "")
    return visit.redirect_to("login", next=target if visit.request.method == "GET" else visit.path)


def _with_form(visit: PageRequest, *, opens: bool) -> PageRequest:
    """Return the visit with its form after checking that a page of the dashboard sent it."""
    lists = _form_lists(visit.request)
    form = {name: values[-1] for name, values in lists.items()}
    site = visit.fetch_site
    if site not in ("same-origin", "none", ""):
        raise Forbidden(OUT_OF_DATE_MESSAGE)
    if not opens and not (visit.session and visit.session.is_own_form(form.get("csrf", ""))):
        if visit.session and site == "same-origin":
            raise StaleForm(resubmit.restore_lists(lists), visit.session)
        raise Forbidden(OUT_OF_DATE_MESSAGE)
    return PageRequest(visit.request, visit.path, visit.session, form, lists)


def _form_lists(request: Request) -> dict[str, list[str]]:
    raw = raw_body(request)
    if len(raw) > limits.MAX_BODY_BYTES:
        raise TooLarge("a form must not be larger than 1 MiB")
    try:
        lists = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Invalid("this form is not valid: it must be UTF-8 with at most 2000 fields") from None
    return {name: [text.replace("\r\n", "\n") for text in texts] for name, texts in lists.items()}


def error_page(visit: PageRequest, error: DomainError) -> Response:
    """Return the page of an error."""
    title = "Not found" if isinstance(error, NotFound) else "This did not work"
    message = NOT_FOUND_MESSAGE if isinstance(error, NotFound) else str(error)
    page = visit.show_page(
        ErrorPage(title=title, message=message, faults=error.faults), status_of(error)
    )
    page.headers.update(retry_headers(error))
    return page


def fallback_page(request: Request, path: str, status: int, message: str) -> Response:
    """Return the error page of a request that no view handles."""
    title = "Not found" if status == 404 else "This did not work"
    message = NOT_FOUND_MESSAGE if status == 404 else message
    visit = PageRequest(request, path, None)
    return visit.show_page(ErrorPage(title=title, message=message, faults=()), status)
