"""Tickets as their trackers report them, and the rule by which labels match."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.label import normal_label

TICKET_SOURCES = ("github", "linear", "jira", "notion")


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One ticket. `open` is false once the tracker considers it finished."""

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
    stable_id: str = ""
    """The tracker's own id; the visible key may change with the ticket's team or repo."""

    @property
    def occurrence_name(self) -> str:
        """Its occurrence in the ledger: `github:acme/web#12`."""
        return f"{self.source}:{self.external_id}"

    @property
    def claim_identities(self) -> tuple[str, ...]:
        """The keys of its claims: the stable id first, then its present key."""
        if self.stable_id in ("", self.external_id):
            return (self.occurrence_name,)
        return f"{self.source}:id:{self.stable_id}", self.occurrence_name


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment on a ticket."""

    author: str
    body: str
    created_at: str


@dataclass(frozen=True, kw_only=True)
class TicketOrigin:
    """The ticket that fired a run; `number` is set only for an issue of the run's own repo."""

    source: str
    external_id: str
    title: str = ""
    url: str = ""
    number: int | None = None
    provider_id: str | None = None


def ticket_origin(brief: Brief, repo_url: str | None, *, of_ticket: bool) -> TicketOrigin | None:
    """Return the ticket that fired a run, as its tracker reported it, or None.

    Only a ticket trigger's params are trusted: manual params and webhook payloads may claim
    anything.
    """
    if not of_ticket:
        return None
    payload = json.loads(brief.payload or brief.params)  # separate with a param mapping
    return _origin_of_params(payload, repo_url or "") if isinstance(payload, dict) else None


def _origin_of_params(params: Mapping[str, object], repo_url: str) -> TicketOrigin | None:
    source, external = params.get("ticketSource"), params.get("ticketExternalId")
    if not isinstance(source, str) or not isinstance(external, str | int):
        return None
    number = params.get("number")
    of_repo = str(params.get("repo") or repo_url).rstrip("/").removesuffix(".git").lower()
    same = source == "github" and f"/{repo_url.lower()}".endswith(f"/{of_repo}")
    provider = params.get("ticketProviderId")
    return TicketOrigin(
        source=source,
        external_id=str(external),
        title=str(params.get("ticketTitle") or ""),
        url=str(params.get("ticketUrl") or ""),
        number=number if same and isinstance(number, int) else None,
        provider_id=provider if isinstance(provider, str) else None,
    )


def matches_labels(ticket: Ticket, labels: Iterable[str]) -> bool:
    """Return whether a ticket has one of the labels; without labels any ticket matches."""
    wanted_labels = {normal_label(label) for label in labels}
    return not wanted_labels or not wanted_labels.isdisjoint(map(normal_label, ticket.labels))


def ticket_params(
    ticket: Ticket, comments: Iterable[Comment], provider_id: str | None = None
) -> dict[str, object]:
    """Return the params of a ticket for templates, under plain and `ticket…` names."""
    plain: dict[str, object] = {
        "source": ticket.source,
        "externalId": ticket.external_id,
        "title": ticket.title,
        "body": ticket.body,
        "labels": list(ticket.labels),
        "url": ticket.url,
    }
    comment_params = [
        {"author": c.author, "body": c.body, "createdAt": c.created_at} for c in comments
    ]
    more: dict[str, object] = {"comments": comment_params, "ticketProviderId": provider_id}
    if ticket.source == "github":
        more |= {
            "number": ticket.number,
            "author": ticket.author,
            "assignees": list(ticket.assignees),
            "repo": ticket.repo,
        }
    prefixed = {f"ticket{name[0].upper()}{name[1:]}": value for name, value in plain.items()}
    return {**plain, **prefixed, **more}
