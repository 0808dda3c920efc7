"""Secrets: they go in, and never come out."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import secrets
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.repo import normal_url
from chalicelib.domain.secret import GLOBAL
from chalicelib.web.pages import forms
from chalicelib.web.pages.shell import Visit, faults_of


def index(visit: Visit) -> Response:
    """Show the names of all secrets, and a form for one more."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    return visit.page(
        "secrets.html",
        409 if isinstance(error, Conflict) else 400 if error else 200,
        found=world.secrets.all(),
        repos=world.repos.all(),
        typed={name: text for name, text in visit.form.items() if name != "value"},
        wrong=forms.known(faults_of(error)) if error else {},
        said=str(error) if error else "",
        done=visit.query("done"),
    )


def save(visit: Visit) -> Response:
    """Keep a secret, or forget one."""
    world, form = wiring.world(), visit.form
    name = form.get("name", "").strip()
    try:
        wanted = form.get("scope", "").strip() or GLOBAL
        scope = GLOBAL if wanted == GLOBAL else normal_url(wanted)
        if form.get("do") == "delete":
            secrets.forget(world, name, scope)
            return visit.go("secrets", done="deleted")
        secrets.keep(world, name, scope, form.get("value", ""))
    except (Invalid, Conflict) as error:
        return _page(visit, error)
    return visit.go("secrets", done="saved")
