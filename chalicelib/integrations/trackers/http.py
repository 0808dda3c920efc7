"""Shared parts of the trackers over plain HTTP: one session, and the meaning of a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from chalicelib.domain.errors import Invalid
from chalicelib.domain.retry_after import rate_limit_delay, retry_delay
from chalicelib.integrations.http import guarded
from chalicelib.ports import TrackerRateLimited, TrackerUnreachable

TIMEOUT_SECONDS = (5, 20)
STATUS_MEANINGS = {
    401: "the credential is wrong or has expired: give the provider a new one",
    403: "the credential may not do this: give it the rights that the docs name",
    404: "there is no such thing, or the credential may not see it: check the config",
}
INVALID_REQUEST_STATUSES = (400, 410, 422)


class CursorHistory:
    """The places of one listing: a listing that leads back to one of them would never end."""

    def __init__(self, name: str, first: str | None = None) -> None:
        self._name = name
        self._seen = {first} if first else set()

    def advance_to(self, cursor: str | None) -> str | None:
        """Return the cursor of the next page; raise `TrackerUnreachable` where it
        was used before.
        """
        if cursor is None:
            return None
        if cursor in self._seen:
            message = f"{self._name}'s list leads back to a page that was read before"
            raise TrackerUnreachable(message, passes=True)
        self._seen.add(cursor)
        return cursor


class TrackerHttp:
    """A session with a tracker; what it refuses becomes `TrackerRateLimited` or
    `TrackerUnreachable`.
    """

    def __init__(self, name: str, base: str, now: datetime, headers: Mapping[str, str]) -> None:
        self._name, self._base, self._now = name, base.rstrip("/"), now
        self._session = guarded.make_session()
        self._session.headers.update({"Accept": "application/json", **headers})

    def send_request(self, method: str, path: str, **sent: Any) -> Any:
        """Return the JSON of an answer."""
        try:
            answer = self._session.request(
                method, self._base + path, timeout=TIMEOUT_SECONDS, **sent
            )
        except requests.RequestException as error:
            message = f"{self._name} cannot be reached: {type(error).__name__}"
            raise TrackerUnreachable(message, passes=True) from error
        except Invalid as error:
            raise TrackerUnreachable(
                f"{self._name} cannot be reached: {error}", passes=False
            ) from error
        if answer.status_code >= 400:
            raise tracker_error(
                self._name, answer.status_code, answer.headers, answer.text, self._now
            )
        if answer.status_code == 204:
            return None
        try:
            return answer.json()
        except ValueError as error:
            message = f"{self._name} answered something that is not JSON"
            raise TrackerUnreachable(message, passes=True) from error


def tracker_error(
    name: str, status: int, headers: Mapping[str, Any], text: str, now: datetime
) -> Exception:
    """Return what an error answer means: wait, or what a person can do."""
    limited = status == 429 or (
        status == 403
        and (
            headers.get("retry-after")
            or headers.get("x-ratelimit-remaining") == "0"
            or "rate limit" in text.lower()
        )
    )
    if limited or (status == 400 and "RATELIMITED" in text):
        return TrackerRateLimited(rate_limit_delay(headers, now) or timedelta(minutes=1))
    meaning = STATUS_MEANINGS.get(status, text.strip()[:300])
    passes = status >= 500 or status in (408, 409)
    return TrackerUnreachable(
        f"{name} answered {status}: {meaning}",
        passes=passes,
        wait=retry_delay(headers),
        senseless=status in INVALID_REQUEST_STATUSES,
        status=status,
    )


def parse_moment(text: str) -> datetime:
    """Return a moment as the trackers write it."""
    return datetime.fromisoformat(text).astimezone(UTC)
