"""The API keys: created with a token that is shown once, and revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.access import keys
from chalicelib.domain.access.key import Scope
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.web.http import audit
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.contexts import keys as contexts
from chalicelib.web.pages.form import SubmittedForm
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests

PAGE_SIZE = 50
MAX_DAYS = 3650
DEFAULT_VALUES = {"role": "member", "days": "90"}


def list_keys(visit: PageRequest) -> Response:
    """List the keys, and show the form to create one."""
    return _render_page(visit, None)


def _render_page(visit: PageRequest, error: DomainError | None, token: str = "") -> Response:
    page_keys, position = configuration.list_keys(
        wiring.get_world(), visit.list_position, PAGE_SIZE
    )
    assert visit.session is not None
    own_id, now = visit.session.who.id, wiring.get_world().now()
    page = contexts.KeyListPage(
        form=visit.form_state(error, DEFAULT_VALUES),
        notice=visit.notice,
        api_keys=[contexts.draw_key_row(key, own_id, now) for key in page_keys],
        older_url=visit.link_older(position, "settings"),
        token=token,
    )
    return visit.show_form(page, error)


def act_on_key(visit: PageRequest) -> Response:
    """Create or revoke a key."""
    world, session = wiring.get_world(), visit.session
    assert session is not None
    try:
        if visit.form.get("do") == "revoke":
            chosen = parse_id("API key", visit.form.get("id", ""))
            keys.revoke_key(world, chosen, session.who)
            return visit.redirect_to("settings", done="revoked")
        return _render_page(
            visit, None, _make_key(visit.submitted_form, session.who.id, visit.form_claim())
        )
    except (Invalid, Conflict) as error:
        return _render_page(visit, error)


def _make_key(submitted: SubmittedForm, by: str, claim: IdempotencyClaim) -> str:
    """Create the key that a form describes; return its token, which only this response shows."""
    role = submitted.read_text("role")
    may = {"scopes": [Scope.RUNNER.value]} if role == Scope.RUNNER else {"role": role}
    body = {"name": submitted.read_text("name"), **may, "expiresAt": _expiry_of(submitted)}
    key_request = requests.parse_request(requests.NewKey, body, extra_faults=submitted.faults)
    key, token = keys.create_key(
        wiring.get_world(),
        key_request.name,
        role=key_request.role,
        scopes=key_request.scopes,
        expires_at=key_request.expires_at,
        by=by,
        claim=claim,
    )
    audit.note_created(key.id, key.name)
    return token


def _expiry_of(submitted: SubmittedForm) -> datetime | None:
    for days in submitted.read_numbers("days").values():
        if 1 <= days <= MAX_DAYS:
            return wiring.get_world().now() + timedelta(days=days)
        submitted.add_fault(
            "days", f"must be 1 to {MAX_DAYS} days; leave it empty for a key without an end"
        )
    return None
