"""A ticket as its tracker tells it, and which labels call for a firing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

SOURCES = ("github", "linear", "jira", "notion")


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One ticket. `open` is false once nobody has to work at it any more."""

    source: str
    external_id: str
    title: str
    url: str
    updated_at: datetime
    body: str = ""
    labels: tuple[str, ...] = ()
    open: bool = True
    number: int | None = None
    author: str | None = None
    assignees: tuple[str, ...] = ()
    repo: str | None = None
    handle: str = ""

    @property
    def occurrence(self) -> str:
        """What the ledger calls it: `github:acme/web#12`."""
        return f"{self.source}:{self.external_id}"


@dataclass(frozen=True, kw_only=True)
class Comment:
    """What somebody said about a ticket."""

    author: str
    body: str
    created_at: str


def normal_label(label: str) -> str:
    """Return the one form in which labels are compared: trimmed, in lower case."""
    return label.strip().casefold()


def matches(ticket: Ticket, wanted: Iterable[str]) -> bool:
    """Whether a ticket carries one of the labels; any ticket does where none are wanted."""
    asked = {normal_label(label) for label in wanted}
    return not asked or not asked.isdisjoint(map(normal_label, ticket.labels))


def params(ticket: Ticket, comments: Iterable[Comment]) -> dict[str, object]:
    """Return what a template may name of a ticket."""
    plain: dict[str, object] = {
        "source": ticket.source,
        "externalId": ticket.external_id,
        "title": ticket.title,
        "body": ticket.body,
        "labels": list(ticket.labels),
        "url": ticket.url,
    }
    said = [{"author": c.author, "body": c.body, "createdAt": c.created_at} for c in comments]
    more: dict[str, object] = {"comments": said}
    if ticket.source == "github":
        more |= {
            "number": ticket.number,
            "author": ticket.author,
            "assignees": list(ticket.assignees),
            "repo": ticket.repo,
        }
    prefixed = {f"ticket{name[0].upper()}{name[1:]}": value for name, value in plain.items()}
    return {**plain, **prefixed, **more}
