"""A request to the dashboard, and helpers that build its response."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from urllib.parse import urlsplit

from chalice.app import Request, Response

from chalicelib import wiring
from chalicelib.domain.access.key import Scope
from chalicelib.domain.errors import DomainError
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.page import Cursor
from chalicelib.settings import settings
from chalicelib.web.http import headers
from chalicelib.web.http.cursors import decode_cursor, encode_cursor
from chalicelib.web.http.errors import status_of
from chalicelib.web.http.requests import raw_body
from chalicelib.web.http.urls import PageUrls
from chalicelib.web.pages import forms
from chalicelib.web.pages.contexts.base import FormContext, FormState, PageContext
from chalicelib.web.pages.contexts.layout import Permissions, draw_layout
from chalicelib.web.pages.contexts.notices import Notice, find_notice
from chalicelib.web.pages.form import SubmittedForm
from chalicelib.web.pages.rendering import render_template
from chalicelib.web.pages.session import PageSession

DOUBLE_CLICK_WINDOW = timedelta(seconds=10)
"""Time within which an identical form counts as a double click."""
HIDDEN_FIELDS = ("value", "credential")
"""Secret fields, whose text no page shows again."""
PAGE_HEADERS = {
    **headers.COMMON_HEADERS,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class PageRequest:
    """One request to the dashboard."""

    request: Request
    path: str
    session: PageSession | None
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def submitted_form(self) -> SubmittedForm:
        """The form of the request, to be read field by field."""
        return SubmittedForm(self.form)

    @property
    def urls(self) -> PageUrls:
        return PageUrls.of_path(self.path)

    def may_use(self, scope: str) -> bool:
        """Return whether the reader's key has a scope; pages hide buttons it does not allow."""
        return self.session is not None and self.session.who.has_scope(Scope(scope))

    @property
    def fetch_site(self) -> str:
        """The origin of a request as the browser reports it; empty if it reports none.

        A browser without Sec-Fetch-Site sends the Origin header with every form that it posts.
        """
        headers = self.request.headers
        if site := str(headers.get("sec-fetch-site") or ""):
            return site
        origin = str(headers.get("origin") or "")
        ours = {str(headers.get(name) or "") for name in ("host", "x-forwarded-host")}
        ours.add(urlsplit(settings.public_url or "").netloc)
        same = urlsplit(origin).netloc in ours - {""}
        return "" if not origin else "same-origin" if same else "cross-site"

    def query_param(self, name: str) -> str:
        """Return a parameter of the query string, or an empty text."""
        return str(dict(self.request.query_params or {}).get(name) or "")

    @property
    def list_position(self) -> Cursor | None:
        """Return the list position after which the page begins; None for the first page."""
        return decode_cursor(self.query_param("before"))

    def link_older(self, position: Cursor | None, *parts: str, **query: str) -> str:
        """Return the link to the next page of a list, empty after its last page."""
        if position is None:
            return ""
        return self.urls.link_to(*parts, **query, before=encode_cursor(position))

    def form_claim(self, result: str = "") -> IdempotencyClaim:
        """Return the claim of this exact form, so that a double click acts only once."""
        assert self.session is not None
        sent = raw_body(self.request)
        identity = f"{self.session.token} {self.path} {hashlib.sha256(sent).hexdigest()}"
        key = f"form#{hashlib.sha256(identity.encode()).hexdigest()}"
        return IdempotencyClaim(
            key=key,
            digest="",
            result=result,
            expires_at=wiring.get_world().now() + DOUBLE_CLICK_WINDOW,
        )

    @cached_property
    def may(self) -> Permissions:
        """The scopes of the reader's key."""
        return Permissions.of_reader(self.may_use)

    @property
    def notice(self) -> Notice | None:
        """The notice of the action that led to this page."""
        return find_notice(self.query_param("done"))

    def form_state(
        self, error: DomainError | None, saved: Mapping[str, str] | None = None
    ) -> FormState:
        """Return a form with its saved values, or with the submitted ones and their faults."""
        texts = {name: text for name, text in self.form.items() if name not in HIDDEN_FIELDS}
        return FormState(
            texts=texts if error or saved is None else saved,
            faults=forms.faults_by_field(error.faults, self.form) if error else {},
            errors=forms.form_errors(error, self.form) if error else (),
        )

    def show_page(self, context: PageContext, status: int = 200) -> Response:
        """Return the page of a context."""
        return html_response(self._render_context(context), status)

    def show_form(self, context: FormContext, error: DomainError | None) -> Response:
        """Return a page with a form, with the status of its error."""
        return self.show_page(context, status_of(error) if error else 200)

    def show_part(self, context: PageContext) -> Response:
        """Return a part of a page, or 204 if the reader already has this version."""
        seen = hashlib.sha256(self._render_context(context).encode()).hexdigest()[:16]
        if self.query_param("seen") == seen:
            return Response(body="", status_code=204, headers=dict(PAGE_HEADERS))
        return html_response(self._render_context(context, seen))

    def _render_context(self, context: PageContext, seen: str = "") -> str:
        """Render a template with its context and the variables that all templates have."""
        has_session = self.session is not None
        return render_template(
            context.template,
            urls=self.urls,
            may=self.may,
            layout=draw_layout(self.path, self.urls, self.may, has_session=has_session),
            csrf_token=self.session.csrf if self.session else "",
            seen=seen,
            **context.list_variables(),
        )

    def redirect_to(self, *parts: str, **query: str | None) -> Response:
        """Redirect after a write, so that a reload does not repeat it."""
        return Response(
            body="",
            status_code=303,
            headers={**PAGE_HEADERS, "Location": self.urls.link_to(*parts, **query)},
        )


def html_response(text: str, status: int = 200) -> Response:
    """Return HTML with the strict security headers."""
    headers: dict[str, str | list[str]] = {
        **PAGE_HEADERS,
        "Content-Type": "text/html; charset=utf-8",
    }
    return Response(body=text, status_code=status, headers=headers)
