"""Routes of secrets. No route returns the value of a secret."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.jobs import secrets
from chalicelib.domain.access.key import Scope
from chalicelib.domain.access.secret import (
    GLOBAL_SCOPE,
    check_name,
    check_scope,
    find_value_warnings,
)
from chalicelib.web.http.requests import json_body, query_param
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import resource_views
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


@routes.add_route("GET", "/api/secrets", scope=Scope.READ)
def list_secrets() -> Answer[responses.SecretList]:
    """List the secrets by name; their values are never returned."""
    secret_list = configuration.list_secrets(wiring.get_world())
    shown = [resource_views.secret_view(secret) for secret in secret_list]
    return json_answer({"secrets": shown, "nextCursor": None})


@routes.add_route(
    "PUT", "/api/secrets/{name}", scope=Scope.ADMIN, action="secret.set", body="SecretValue"
)
def store_secret(name: str) -> Answer[responses.SecretAnswer]:
    """Save a secret for all runs or for the runs of one repo."""
    misnamed = requests.faults_of_check(check_name, name)
    secret_request = requests.parse_request(
        requests.SecretValue, json_body(routes.current_request), extra_faults=misnamed
    )
    secret = secrets.store_secret(
        wiring.get_world(), name, secret_request.scope, secret_request.value
    )
    warnings = resource_views.warning_views(find_value_warnings(secret_request.value))
    return json_answer({"secret": resource_views.secret_view(secret), "warnings": warnings})


@routes.add_route(
    "DELETE",
    "/api/secrets/{name}",
    scope=Scope.ADMIN,
    action="secret.remove",
    query=("scope",),
    status=204,
)
def forget_secret(name: str) -> Answer[None]:
    """Delete a secret immediately."""
    scope = check_scope(query_param(routes.current_request, "scope", GLOBAL_SCOPE))
    secrets.forget_secret(wiring.get_world(), name, scope)
    return json_answer(None, 204)
