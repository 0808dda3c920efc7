"""Routes of secrets. No route returns the value of a secret."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import secrets
from chalicelib.domain.access import Scope
from chalicelib.domain.secret import GLOBAL, checked_name, checked_scope, find_value_warnings
from chalicelib.web import answers, models, views
from chalicelib.web.http import Answer, Routes, answer, body_of, query

routes = Routes(__name__)


@routes.at("GET", "/api/secrets", needs=Scope.READ)
def index() -> Answer[answers.SecretList]:
    """List the secrets by name; their values are never returned."""
    shown = [views.secret(secret) for secret in wiring.world().secrets.all()]
    return answer({"secrets": shown, "nextCursor": None})


@routes.at("PUT", "/api/secrets/{name}", needs=Scope.ADMIN, takes="SecretValue")
def keep(name: str) -> Answer[answers.SecretAnswer]:
    """Save a secret for all runs or for the runs of one repo."""
    misnamed = models.said_by(checked_name, name)
    asked = models.parsed(models.SecretValue, body_of(routes.current_request), besides=misnamed)
    kept = secrets.keep(wiring.world(), name, asked.scope, asked.value)
    warnings = views.warnings(find_value_warnings(asked.value))
    return answer({"secret": views.secret(kept), "warnings": warnings})


@routes.at("DELETE", "/api/secrets/{name}", needs=Scope.ADMIN, query=("scope",), status=204)
def forget(name: str) -> Answer[None]:
    """Delete a secret immediately."""
    scope = checked_scope(query(routes.current_request, "scope", GLOBAL))
    secrets.forget(wiring.world(), name, scope)
    return answer(None, 204)
