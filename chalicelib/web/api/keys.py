"""Routes of API keys. Only the request that creates a key returns its token."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions.access import keys
from chalicelib.domain.access.key import ApiKey, Scope
from chalicelib.web.http.authentication import current_caller
from chalicelib.web.http.cursors import encode_cursor
from chalicelib.web.http.requests import (
    PAGE_PARAMETERS,
    idempotency_claim,
    json_body,
    page_cursor,
    page_limit,
    parse_id,
)
from chalicelib.web.http.responses import Answer, json_answer
from chalicelib.web.http.routes import Routes
from chalicelib.web.mapping import resource_views
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests, responses

routes = Routes(__name__)


@routes.add_route("GET", "/api/auth/api-keys", scope=Scope.ADMIN, query=PAGE_PARAMETERS)
def list_keys() -> Answer[responses.KeyList]:
    """List the API keys, newest first, without their tokens."""
    request = routes.current_request
    page_keys, position = configuration.list_keys(
        wiring.get_world(), page_cursor(request), page_limit(request)
    )
    return json_answer(
        {"apiKeys": [_key_view(key) for key in page_keys], "nextCursor": encode_cursor(position)}
    )


@routes.add_route(
    "POST", "/api/auth/api-keys", scope=Scope.ADMIN, action="key.create", body="NewKey", status=201
)
def create_key() -> Answer[responses.NewKeyAnswer]:
    """Create an API key; its token is returned only here."""
    new_key = requests.parse_request(requests.NewKey, json_body(routes.current_request))
    key, token = keys.create_key(
        wiring.get_world(),
        new_key.name,
        role=new_key.role,
        scopes=new_key.scopes,
        expires_at=new_key.expires_at,
        by=current_caller().id,
        claim=idempotency_claim(routes.current_request, ""),
    )
    return json_answer({"apiKey": _key_view(key), "token": token}, 201)


@routes.add_route(
    "DELETE", "/api/auth/api-keys/{key}", scope=Scope.ADMIN, action="key.remove", status=204
)
def revoke_key(key: str) -> Answer[None]:
    """Revoke an API key and its sessions immediately."""
    keys.revoke_key(wiring.get_world(), parse_id("API key", key), current_caller())
    return json_answer(None, 204)


def _key_view(key: ApiKey) -> responses.KeyView:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "scopes": list(key.scopes),
        "createdBy": key.created_by,
        "createdAt": resource_views.format_optional_moment(key.created_at),
        "updatedAt": resource_views.format_optional_moment(key.updated_at),
        "expiresAt": resource_views.format_optional_moment(key.expires_at),
        "expired": key.is_expired(wiring.get_world().now()),
        "lastUsedAt": resource_views.format_optional_moment(key.last_used_at),
    }
