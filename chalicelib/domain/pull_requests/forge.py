"""Code forges: locating a repository, its credentials, and the errors that a forge returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.retry_after import rate_limit_delay, retry_delay

GITHUB_API_URL = "https://api.github.com"
TOKEN, APP_ID, APP_KEY = "GITHUB_TOKEN", "GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"
REPO_TOKEN = "REPO_TOKEN"
"""The credential for cloning from and pushing to a repo at an unknown forge. It must belong to that
repo: a global one would be sent to any host that a user names.
"""
WEBHOOK_SECRET_NAMES = {
    "github": "GITHUB_WEBHOOK_SECRET",
    "linear": "LINEAR_WEBHOOK_SECRET",
    "jira": "JIRA_WEBHOOK_SECRET",
}
"""The secrets that sign the events of forges and trackers."""
FORGE_SECRET_NAMES = (TOKEN, APP_ID, APP_KEY, REPO_TOKEN, *WEBHOOK_SECRET_NAMES.values())
"""The secrets that give access to a forge. They are never passed to setup commands or agents."""


@dataclass(frozen=True, kw_only=True)
class ForgeLocation:
    """A repo at a forge: the API's base URL, and `owner/name`."""

    api_url: str
    slug: str

    @property
    def repo_owner(self) -> str:
        return self.slug.partition("/")[0]


@dataclass(frozen=True, kw_only=True)
class ForgeCredential:
    """A token, or a GitHub App that mints tokens. `repr` shows neither."""

    token: str | None = field(default=None, repr=False)
    app_id: str | None = None
    app_key: str | None = field(default=None, repr=False)


class ForgeErrorKind(StrEnum):
    """The kind of a forge's refusal."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    CONFLICT = "conflict"
    GONE = "gone"
    INVALID = "invalid"
    ARCHIVED = "archived"
    MISDIRECTED = "misdirected"
    TOO_MANY = "too_many"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


class ForgeError(Exception):
    """A forge's refusal: its kind, whether it is temporary, and what a person can do."""

    def __init__(
        self,
        kind: ForgeErrorKind,
        message: str,
        *,
        passes: bool = False,
        wait: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.passes = passes
        self.wait = wait

    @property
    def error_class(self) -> ErrorClass:
        """The class of a run that fails with this error."""
        return ErrorClass(f"forge_{self.kind}")


def forge_location(url: str, api_url: str | None) -> ForgeLocation | None:
    """Return the location of a repo at its forge, or None if its forge is unknown.

    github.com is known; any other host is a GitHub Enterprise Server if the repo's settings name
    the base URL of its API.
    """
    parts = urlsplit(url)
    slug = parts.path.strip("/")
    if parts.scheme == "file" or slug.count("/") != 1:
        return None
    if api_url:
        return ForgeLocation(api_url=api_url, slug=slug)
    return (
        ForgeLocation(api_url=GITHUB_API_URL, slug=slug) if parts.hostname == "github.com" else None
    )


_LIMITS = (
    "rate limit",
    "abuse detection",
    "please wait a few minutes",
    "retry your request again later",
    "submitted too quickly",
)
"""Phrases in GitHub's rate-limit responses, which do not always have headers."""


def is_rate_limited(status: int, body: str, headers: Mapping[str, str]) -> bool:
    """Return whether a response asks the client to wait."""
    if status == 429:
        return True
    mentions_limit = any(sentence in body.lower() for sentence in _LIMITS)
    if status != 403:
        return status == 422 and mentions_limit
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    return mentions_limit or lowered.get("x-ratelimit-remaining") == "0" or "retry-after" in lowered


def forge_error(
    status: int, body: str, headers: Mapping[str, str], location: ForgeLocation
) -> ForgeError:
    """Return the error for an unsuccessful response, by its status."""
    body = body.strip()[:500] or "no reason given"
    where = f"{location.slug} at {urlsplit(location.api_url).hostname}"
    if is_rate_limited(status, body, headers):
        message = (
            f"the forge's rate limit is reached ({body}); the request is retried automatically"
        )
        limit = rate_limit_delay(headers) or timedelta(minutes=1)
        return ForgeError(ForgeErrorKind.RATE_LIMITED, message, passes=True, wait=limit)
    if status >= 500:
        wait = retry_delay(headers)
        message = f"the forge failed with {status} ({body}); the request is retried"
        return ForgeError(ForgeErrorKind.UNAVAILABLE, message, passes=True, wait=wait)
    kind, advice = _describe_status(status, body, where)
    return ForgeError(kind, f"{advice} (response: {body})")


def _describe_status(status: int, body: str, where: str) -> tuple[ForgeErrorKind, str]:
    """Return the kind of a permanent refusal, and what a person can do about it."""
    if status == 403 and "archived" in body.lower():
        return (
            ForgeErrorKind.ARCHIVED,
            f"{where} is archived and read-only: unarchive it, then retry",
        )
    if 300 <= status < 400:
        return (
            ForgeErrorKind.MISDIRECTED,
            f"the forge redirects without a location: check the URL of {where}",
        )
    descriptions = {
        401: (
            ForgeErrorKind.UNAUTHORIZED,
            f"the credential is rejected: store a valid {TOKEN} for {where}",
        ),
        403: (
            ForgeErrorKind.FORBIDDEN,
            f"the credential lacks a permission: give it write access to contents, pull requests "
            f"and issues, and read access to checks, of {where}",
        ),
        404: (ForgeErrorKind.NOT_FOUND, f"not found: give the credential access to {where}"),
        405: (ForgeErrorKind.REFUSED, "the forge does not allow this now"),
        409: (ForgeErrorKind.CONFLICT, "the object was changed concurrently, or is in conflict"),
        410: (
            ForgeErrorKind.GONE,
            "the object was deleted, or the feature is disabled for this repo",
        ),
        422: (ForgeErrorKind.INVALID, "the forge rejects the request as invalid"),
    }
    return descriptions.get(status, (ForgeErrorKind.REFUSED, f"the forge answered {status}"))
