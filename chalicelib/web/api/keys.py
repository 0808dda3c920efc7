"""Routes of API keys. Only the request that creates a key returns its token."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.actions import access
from chalicelib.domain.access import Key, Scope
from chalicelib.web import answers, models, views
from chalicelib.web.cursors import encode_cursor
from chalicelib.web.http import (
    PAGE,
    Answer,
    Routes,
    answer,
    body_of,
    caller,
    claim_of,
    cursor_of,
    known_id,
    limit_of,
)

routes = Routes(__name__)


@routes.at("GET", "/api/auth/api-keys", needs=Scope.ADMIN, query=PAGE)
def index() -> Answer[answers.KeyList]:
    """List the API keys, newest first, without their tokens."""
    request = routes.current_request
    before = cursor_of(request)
    found, position = wiring.world().keys.newest(before, limit_of(request))
    return answer({"apiKeys": [_view(key) for key in found], "nextCursor": encode_cursor(position)})


@routes.at("POST", "/api/auth/api-keys", needs=Scope.ADMIN, takes="NewKey", status=201)
def create() -> Answer[answers.NewKeyAnswer]:
    """Create an API key; its token is returned only here."""
    asked = models.parsed(models.NewKey, body_of(routes.current_request))
    key, token = access.make(
        wiring.world(),
        asked.name,
        role=asked.role,
        scopes=asked.scopes,
        expires_at=asked.expires_at,
        by=caller().id,
        claim=claim_of(routes.current_request, ""),
    )
    return answer({"apiKey": _view(key), "token": token}, 201)


@routes.at("DELETE", "/api/auth/api-keys/{key}", needs=Scope.ADMIN, status=204)
def revoke(key: str) -> Answer[None]:
    """Revoke an API key and its sessions immediately."""
    access.revoke(wiring.world(), known_id("API key", key), caller())
    return answer(None, 204)


def _view(key: Key) -> answers.KeyView:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "scopes": list(key.scopes),
        "createdBy": key.created_by,
        "createdAt": views.moment(key.created_at),
        "updatedAt": views.moment(key.updated_at),
        "expiresAt": views.moment(key.expires_at),
        "expired": key.expired(wiring.world().now()),
        "lastUsedAt": views.moment(key.last_used_at),
    }
