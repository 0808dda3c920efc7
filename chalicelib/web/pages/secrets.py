"""The secrets page. No page shows the value of a secret."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.jobs import secrets
from chalicelib.domain.access.secret import (
    GLOBAL_SCOPE,
    check_name,
    check_scope,
    find_value_warnings,
)
from chalicelib.domain.errors import Conflict, DomainError, Invalid
from chalicelib.web.pages.contexts import secrets as contexts
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration
from chalicelib.web.schemas import requests


def list_secrets(visit: PageRequest) -> Response:
    """Show the names of all secrets, and the form to add one."""
    return _render_page(visit, None)


def _render_page(visit: PageRequest, error: DomainError | None) -> Response:
    world = wiring.get_world()
    page = contexts.SecretListPage(
        form=visit.form_state(error),
        notice=visit.notice,
        secrets=[contexts.draw_secret_row(secret) for secret in configuration.list_secrets(world)],
        repo_urls=[repo.url for repo in configuration.list_repos(world)],
    )
    return visit.show_form(page, error)


def save_secret(visit: PageRequest) -> Response:
    """Save or delete a secret."""
    world, submitted = wiring.get_world(), visit.submitted_form
    name, scope = submitted.read_text("name"), submitted.read_text("scope") or GLOBAL_SCOPE
    try:
        if visit.form.get("do") == "delete":
            secrets.forget_secret(world, name, check_scope(scope))
            return visit.redirect_to("secrets", done="deleted")
        body = {"value": visit.form.get("value", ""), "scope": scope}
        misnamed = requests.faults_of_check(check_name, name)
        secret_request = requests.parse_request(requests.SecretValue, body, extra_faults=misnamed)
        secrets.store_secret(world, name, secret_request.scope, secret_request.value)
    except (Invalid, Conflict) as error:
        return _render_page(visit, error)
    return visit.redirect_to(
        "secrets", done="saved-weak" if find_value_warnings(secret_request.value) else "saved"
    )
