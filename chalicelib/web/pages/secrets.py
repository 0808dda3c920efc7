"""Secrets: they go in, and never come out."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import secrets
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.repo import normal_url
from chalicelib.domain.secret import GLOBAL
from chalicelib.web.pages.shell import Visit


def index(visit: Visit) -> Response:
    """Show the names of all secrets, and a form for one more."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    found, repos = world.secrets.all(), world.repos.all()
    return visit.form_page("secrets.html", error, found=found, repos=repos)


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
