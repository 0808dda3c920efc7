"""The parts of a request: its body, query parameters, ids and idempotency key."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from typing import Any

from chalice.app import Request

from chalicelib import wiring
from chalicelib.domain import body_text, limits, strict_json
from chalicelib.domain.errors import Invalid, NotFound, NotJson, TooLarge
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.page import Cursor
from chalicelib.web.http.authentication import current_caller
from chalicelib.web.http.cursors import decode_cursor

IDEMPOTENCY_KEY_LIFETIME = timedelta(hours=24)
PAGE_PARAMETERS = ("limit", "cursor")


def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request, or raise an error that describes its fault."""
    raw = raw_body(request)
    if len(raw) > limits.MAX_BODY_BYTES:
        raise TooLarge("a request must not be larger than 1 MiB")
    if not raw:
        return {}
    content_type = str(request.headers.get("content-type") or "application/json")
    kind = content_type.split(";")[0].strip()
    if kind != "application/json" and not kind.endswith("+json"):
        raise NotJson("send the body as Content-Type: application/json")
    encoding = str(request.headers.get("content-encoding") or "")
    body = strict_json.parse_json(body_text.read_text(raw, encoding, content_type))
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    return body


def raw_body(request: Request) -> bytes:
    """Return the exact bytes of the body."""
    raw = request.raw_body
    return raw if isinstance(raw, bytes) else raw.encode()


def idempotency_claim(request: Request, result: str) -> IdempotencyClaim | None:
    """Return the 24-hour claim of the Idempotency-Key, or None without such a header."""
    key = str(request.headers.get("idempotency-key") or "").strip()
    if not key:
        return None
    if len(key) > limits.MAX_IDEMPOTENCY_KEY_LENGTH:
        rule = f"must have at most {limits.MAX_IDEMPOTENCY_KEY_LENGTH} characters"
        raise Invalid(rule, "Idempotency-Key")
    # Keys of other callers are separate, because the response may contain a token.
    where = f"{current_caller().id} {request.method} {request.context.get('path') or request.path}"
    return IdempotencyClaim(
        key=f"key#{hashlib.sha256(f'{where} {key}'.encode()).hexdigest()}",
        digest=hashlib.sha256(raw_body(request)).hexdigest(),
        result=result,
        expires_at=wiring.get_world().now() + IDEMPOTENCY_KEY_LIFETIME,
    )


def query_param(request: Request, name: str, default: str = "") -> str:
    """Return a query parameter, which was checked before the view was called."""
    return str(dict(request.query_params or {}).get(name, default))


def page_cursor(request: Request) -> Cursor | None:
    """Return the list position after which the requested page begins; None for the first page."""
    return decode_cursor(query_param(request, "cursor"))


def page_limit(request: Request, default: int = 50) -> int:
    """Return the requested number of entries of a page."""
    return int(query_param(request, "limit", str(default)))


def parse_id(kind: str, text: str) -> str:
    """Return an id in normal form; raise `NotFound` for a malformed one."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(kind, text) from None
