"""Authority at a repo of GitHub: the words of its writers count, and of the bots it names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from urllib.parse import quote

from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.integrations.github.client import GitHubClient

PERMISSION_CACHE_TIME = timedelta(minutes=5)
MAX_CACHED_PERMISSIONS = 10_000
WRITE_PERMISSIONS = frozenset({"write", "maintain", "admin"})
"""The permissions that let a person push. An association ("member") may be read-only."""


class PermissionCache:
    """The permissions of people at GitHub, cached for minutes by one process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._known: dict[tuple[str, str], tuple[str, datetime]] = {}

    def find_permission(self, repo: str, login: str) -> str | None:
        """Return a recently read permission."""
        entry = self._known.get((repo, login))
        return entry[0] if entry and entry[1] > self._now() else None

    def keep_permission(self, repo: str, login: str, permission: str) -> None:
        if len(self._known) >= MAX_CACHED_PERMISSIONS:
            self._known.clear()
        self._known[repo, login] = (permission, self._now() + PERMISSION_CACHE_TIME)


class RepoAuthority:
    """The one rule for whose words count at a repo."""

    def __init__(
        self, client: GitHubClient, repo: str, bots: Iterable[str], permissions: PermissionCache
    ) -> None:
        self._ask, self._repo, self._permissions = client.send_request, repo.lower(), permissions
        self._bots = {name.lower() for name in bots}

    def is_trusted(self, login: str) -> bool:
        """Return whether a user may write to the repo, or is a bot that it names.

        Raises `ForgeError` where GitHub does not let the credential ask: that is unknown.
        """
        return bool(login) and (
            login.lower() in self._bots or self._permission(login) in WRITE_PERMISSIONS
        )

    def is_surely_trusted(self, login: str) -> bool:
        """Return whether a user counts for certain; an unreadable permission means no."""
        try:
            return self.is_trusted(login)
        except ForgeError as error:
            if error.passes:
                raise
            return False

    def _permission(self, login: str) -> str:
        name = login.lower()
        cached = self._permissions.find_permission(self._repo, name)
        if cached is not None:
            return cached
        try:
            path = f"/collaborators/{quote(login, safe='')}/permission"
            permission = str(self._ask("GET", path).data.get("permission", "none"))
        except ForgeError as error:
            if error.kind != ForgeErrorKind.NOT_FOUND:
                raise
            permission = "none"  # a stranger, a bot, or somebody whose account is gone
        self._permissions.keep_permission(self._repo, name, permission)
        return permission
