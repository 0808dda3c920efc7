"""The variables of the page of the API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access.key import ApiKey
from chalicelib.web.pages.contexts.base import FormContext
from chalicelib.web.pages.contexts.notices import Notice


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """An API key; the reader's own one cannot be revoked here."""

    id: str
    name: str
    role: str
    is_own: bool
    is_expired: bool
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


def draw_key_row(key: ApiKey, own_id: str, now: datetime) -> KeyRow:
    """Return the row of a key; `own_id` is the id of the reader's key."""
    return KeyRow(
        id=key.id,
        name=key.name,
        role=key.role.value if key.role else ", ".join(key.scopes),
        is_own=key.id == own_id,
        is_expired=key.is_expired(now),
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires_at=key.expires_at,
    )


@dataclass(frozen=True, kw_only=True)
class KeyListPage(FormContext):
    """The variables of the page. `token` is that of a new key, which only its response shows."""

    template = "settings.html"

    notice: Notice | None
    api_keys: list[KeyRow]
    older_url: str
    token: str
