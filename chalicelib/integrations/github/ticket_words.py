"""Labels and comments of an issue that count: of those who may write to its repo.

An author may edit the issue itself; a form of the repo may label what a stranger opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from chalicelib.domain.firing import run_marker
from chalicelib.domain.label import normal_label
from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind, ForgeLocation
from chalicelib.domain.tickets.ticket import Comment, Ticket
from chalicelib.integrations.github.authority import PermissionCache, RepoAuthority
from chalicelib.integrations.github.client import GitHubClient
from chalicelib.ports import TrackerRateLimited, TrackerUnreachable

PAGE_SIZE, MAX_PAGES = 100, 20


class TrustedContent:
    """The words of a repo's issues that count."""

    def __init__(
        self, location: ForgeLocation, credential: str, bots: Iterable[str], now: datetime
    ) -> None:
        self._client = GitHubClient(location, lambda: credential, f"/repos/{quote(location.slug)}")
        self._authority = RepoAuthority(
            self._client, location.slug, bots, PermissionCache(lambda: now)
        )

    def trusted_labels(self, ticket: Ticket) -> tuple[str, ...]:
        """Return the labels that count: those of a stranger's issue were set by a trusted user.

        Raises `TrackerUnreachable` if the credential may not ask: otherwise nothing would fire,
        unnoticed.
        """
        with _AsTracker():
            if not ticket.labels or self._authority.is_trusted(ticket.author or ""):
                return ticket.labels
            setters = self._label_setters(ticket.number or 0)
            return tuple(
                label
                for label in ticket.labels
                if self._authority.is_trusted(setters.get(normal_label(label), ""))
            )

    def _label_setters(self, number: int) -> dict[str, str]:
        """Return who set each label last."""
        setters: dict[str, str] = {}
        try:
            for event in self._events(number):
                if event.get("event") == "labeled":
                    label = normal_label(str((event.get("label") or {}).get("name")))
                    setters[label] = str((event.get("actor") or {}).get("login") or "")
        except ForgeError as error:
            if error.kind != ForgeErrorKind.NOT_FOUND:  # it was deleted, or moved to another repo
                raise
        return setters

    def _events(self, number: int) -> Iterator[dict[str, Any]]:
        for page in range(1, MAX_PAGES + 1):
            parameters = {"per_page": str(PAGE_SIZE), "page": str(page)}
            path = f"/issues/{number}/timeline"
            events = self._client.send_request(
                "GET", path, parameters=parameters, expects=list
            ).data
            yield from events
            if len(events) < PAGE_SIZE:
                return

    def trusted_comments(self, ticket: Ticket, comments: Iterable[Comment]) -> list[Comment]:
        """Return the comments that count, and a word where others are left out."""
        trusted, left_out = [], []
        with _AsTracker():
            for comment in comments:
                own = comment.author == ticket.author
                if own or self._authority.is_surely_trusted(comment.author):
                    trusted.append(comment)
                elif not run_marker.marked_run_ids(comment.body):
                    left_out.append(comment)
        if left_out:
            notice = "comments of others are left out: who may write to the repo is heard"
            last = left_out[-1].created_at
            trusted.append(
                Comment(author="optio", body=f"{len(left_out)} {notice}", created_at=last)
            )
        return trusted


class _AsTracker:
    """A block whose refusals come out as those of a tracker."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ForgeError):
            if error.kind == ForgeErrorKind.RATE_LIMITED:
                raise TrackerRateLimited(error.wait or timedelta(minutes=1)) from error
            message = f"whose labels and comments count cannot be asked: {error}"
            raise TrackerUnreachable(message, passes=error.passes, wait=error.wait) from error
