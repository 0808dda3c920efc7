"""One request of a reader, and the pages that answer it."""

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
"""For how long the very same form is taken for the same one."""
NEVER_SHOWN = ("value", "credential")
"""Fields whose text no page holds again."""
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
    """One request of a reader."""

    request: Request
    path: str
    session: Session | None
    form: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def typed(self) -> Typed:
        """Its form, to be read field by field."""
        return Typed(self.form)

    @property
    def urls(self) -> Urls:
        return Urls.of(self.path)

    def may(self, scope: str) -> bool:
        """Whether the reader's key holds a scope; buttons that would be refused are not shown."""
        return self.session is not None and self.session.who.may(Scope(scope))

    @property
    def site(self) -> str:
        """Where a request came from, as the browser says it; nothing where it says nothing.

        A browser that knows no Sec-Fetch-Site names the Origin of every form that it posts.
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
        """Return a parameter of the query string, or nothing."""
        return str(dict(self.request.query_params or {}).get(name) or "")

    @property
    def position(self) -> str | None:
        """Return the position in the list that the page follows, if it is not the first."""
        return decode_cursor(self.query("before"))

    def once(self, result: str = "") -> Claim:
        """Return the claim of this very form: what a double click sends twice is done once."""
        assert self.session is not None
        sent = raw_of(self.request)
        told = f"{self.session.token} {self.path} {hashlib.sha256(sent).hexdigest()}"
        key = f"form#{hashlib.sha256(told.encode()).hexdigest()}"
        return Claim(
            key=key, digest="", result=result, expires_at=wiring.world().now() + SAME_CLICK
        )

    def page(self, template: str, status: int = 200, /, **values: object) -> Response:
        """Return a page."""
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
        """Return a page with a form: with what is saved, or what was typed and is wrong with it."""
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
        """Return a part of a page, or 204 where the reader has it already."""
        text = render(template, visit=self, urls=self.urls, seen="", **values)
        seen = hashlib.sha256(text.encode()).hexdigest()[:16]
        if self.query("seen") == seen:
            return Response(body="", status_code=204, headers=dict(SAFETY))
        return html(render(template, visit=self, urls=self.urls, seen=seen, **values))

    def go(self, *parts: str, **query: str | None) -> Response:
        """Send the reader on after a write, so that a reload repeats nothing."""
        return Response(
            body="",
            status_code=303,
            headers={**SAFETY, "Location": self.urls.to(*parts, **query)},
        )


def html(text: str, status: int = 200) -> Response:
    """Return HTML under the strict policy."""
    told: dict[str, str | list[str]] = {**SAFETY, "Content-Type": "text/html; charset=utf-8"}
    return Response(body=text, status_code=status, headers=told)


def faults_of(error: DomainError) -> list[Fault]:
    """Return what was wrong, field by field."""
    return list(getattr(error, "faults", ()))
