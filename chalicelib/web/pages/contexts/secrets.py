"""The variables of the page of the secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.web.pages.contexts.base import FormContext
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.filters import repo_name


@dataclass(frozen=True, kw_only=True)
class SecretRow:
    """A secret without its value."""

    name: str
    scope: str
    scope_label: str
    updated_at: datetime


def draw_secret_row(secret: Secret) -> SecretRow:
    """Return the row of a secret."""
    is_global = secret.scope == GLOBAL_SCOPE
    return SecretRow(
        name=secret.name,
        scope=secret.scope,
        scope_label="all repos" if is_global else repo_name(secret.scope),
        updated_at=secret.updated_at,
    )


@dataclass(frozen=True, kw_only=True)
class SecretListPage(FormContext):
    """The variables of the page."""

    template = "secrets.html"

    notice: Notice | None
    secrets: list[SecretRow]
    repo_urls: list[str]
