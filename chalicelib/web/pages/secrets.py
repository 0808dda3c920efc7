"""The secrets page. No page shows the value of a secret."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import secrets
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.secret import GLOBAL, checked_name, checked_scope, find_value_warnings
from chalicelib.web import models
from chalicelib.web.pages.visit import Visit


def index(visit: Visit) -> Response:
    """Show the names of all secrets, and the form to add one."""
    return _page(visit, None)


def _page(visit: Visit, error: DomainError | None) -> Response:
    world = wiring.world()
    found, repos = world.secrets.all(), world.repos.all()
    return visit.form_page("secrets.html", error, found=found, repos=repos)


def save(visit: Visit) -> Response:
    """Save or delete a secret."""
    world, typed = wiring.world(), visit.typed
    name, scope = typed.text("name"), typed.text("scope") or GLOBAL
    try:
        if visit.form.get("do") == "delete":
            secrets.forget(world, name, checked_scope(scope))
            return visit.go("secrets", done="deleted")
        body = {"value": visit.form.get("value", ""), "scope": scope}
        misnamed = models.said_by(checked_name, name)
        asked = models.parsed(models.SecretValue, body, besides=misnamed)
        secrets.keep(world, name, asked.scope, asked.value)
    except (Invalid, Conflict) as error:
        return _page(visit, error)
    return visit.go("secrets", done="saved-weak" if find_value_warnings(asked.value) else "saved")
