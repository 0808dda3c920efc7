"""A request to the dashboard, and helpers that build its response."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from chalice.app import Request, Response

from chalicelib import wiring
from chalicelib.domain.access import Scope
from chalicelib.domain.errors import DomainError, Fault
from chalicelib.domain.firing import Claim
from chalicelib.settings import settings
from chalicelib.web import headers
from chalicelib.web.cursors import decode_cursor
from chalicelib.web.http import raw_of, status_of
from chalicelib.web.pages import forms
from chalicelib.web.pages.rendering import render
from chalicelib.web.pages.session import Session
from chalicelib.web.pages.typed import Typed
from chalicelib.web.urls import Urls

SAME_CLICK = timedelta(seconds=10)
"""Time within which an identical form counts as a double click."""
NEVER_SHOWN = ("value", "credential")
"""Secret fields, whose text no page shows again."""
SAFETY = {
    **headers.EVERYWHERE,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Visit:
    """One request to the dashboard."""

    request: Request
    path: str
    session: Session | None
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def typed(self) -> Typed:
        """The form of the request, to be read field by field."""
        return Typed(self.form)

    @property
    def urls(self) -> Urls:
        return Urls.of(self.path)

    def may(self, scope: str) -> bool:
        """Return whether the reader's key has a scope; pages hide buttons it does not allow."""
        return self.session is not None and self.session.who.may(Scope(scope))

    @property
    def site(self) -> str:
        """The origin of a request as the browser reports it; empty if it reports none.

        A browser without Sec-Fetch-Site sends the Origin header with every form that it posts.
        """
        told = self.request.headers
        if site := str(told.get("sec-fetch-site") or ""):
            return site
        origin = str(told.get("origin") or "")
        ours = {str(told.get(name) or "") for name in ("host", "x-forwarded-host")}
        ours.add(urlsplit(settings.public_url or "").netloc)
        same = urlsplit(origin).netloc in ours - {""}
        return "" if not origin else "same-origin" if same else "cross-site"

    def query(self, name: str) -> str:
        """Return a parameter of the query string, or an empty text."""
        return str(dict(self.request.query_params or {}).get(name) or "")

    @property
    def position(self) -> str | None:
        """Return the list position after which the page begins; None for the first page."""
        return decode_cursor(self.query("before"))

    def once(self, result: str = "") -> Claim:
        """Return the claim of this exact form, so that a double click acts only once."""
        assert self.session is not None
        sent = raw_of(self.request)
        told = f"{self.session.token} {self.path} {hashlib.sha256(sent).hexdigest()}"
        key = f"form#{hashlib.sha256(told.encode()).hexdigest()}"
        return Claim(
            key=key, digest="", result=result, expires_at=wiring.world().now() + SAME_CLICK
        )

    def page(self, template: str, status: int = 200, /, **values: object) -> Response:
        """Return a page of a template with its values."""
        text = render(template, visit=self, urls=self.urls, **values)
        return html(text, status)

    def form_page(
        self,
        template: str,
        error: DomainError | None,
        saved: Mapping[str, str] | None = None,
        /,
        **values: object,
    ) -> Response:
        """Return a page with a form: the saved values, or the submitted ones with their faults."""
        kept = {name: text for name, text in self.form.items() if name not in NEVER_SHOWN}
        return self.page(
            template,
            status_of(error) if error else 200,
            typed=kept if error or saved is None else saved,
            wrong=forms.known(faults_of(error), self.form) if error else {},
            said=forms.said(error, faults_of(error), self.form) if error else [],
            done=self.query("done"),
            **values,
        )

    def fragment(self, template: str, /, **values: object) -> Response:
        """Return a part of a page, or 204 if the reader already has this version."""
        text = render(template, visit=self, urls=self.urls, seen="", **values)
        seen = hashlib.sha256(text.encode()).hexdigest()[:16]
        if self.query("seen") == seen:
            return Response(body="", status_code=204, headers=dict(SAFETY))
        return html(render(template, visit=self, urls=self.urls, seen=seen, **values))

    def go(self, *parts: str, **query: str | None) -> Response:
        """Redirect after a write, so that a reload does not repeat it."""
        return Response(
            body="",
            status_code=303,
            headers={**SAFETY, "Location": self.urls.to(*parts, **query)},
        )


def html(text: str, status: int = 200) -> Response:
    """Return HTML with the strict security headers."""
    told: dict[str, str | list[str]] = {**SAFETY, "Content-Type": "text/html; charset=utf-8"}
    return Response(body=text, status_code=status, headers=told)


def faults_of(error: DomainError) -> list[Fault]:
    """Return the faults of an error, field by field."""
    return list(getattr(error, "faults", ()))
