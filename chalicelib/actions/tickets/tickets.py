"""Ticket triggers: each matching ticket fires each trigger once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from chalicelib.actions.firing import payload_params
from chalicelib.actions.firing.fire import (
    AlreadyFired,
    Fired,
    FireResult,
    Gone,
    Patience,
    Stale,
    fire_occurrence,
)
from chalicelib.actions.firing.firing import Occurrence, decide_firing
from chalicelib.actions.optimistic import conflict_error
from chalicelib.domain import ids
from chalicelib.domain import label as labels
from chalicelib.domain.firing import firing as firings
from chalicelib.domain.firing.decision import Decision, FiringContext
from chalicelib.domain.firing.firing import IdempotencyClaim, Outcome, Skip
from chalicelib.domain.ids import TriggerId
from chalicelib.domain.runs.run import Run
from chalicelib.domain.tickets import ticket as tickets
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import Ticket
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import OnTicket, TicketSettings
from chalicelib.ports import Tracker, World


@dataclass(frozen=True, kw_only=True)
class TicketSubscription:
    """A trigger that waits for tickets of a provider.

    `our_label` is the label that finished runs set there. `backlog` marks tickets from before the
    trigger's first listing, and `looped` those that match only because of our label.
    """

    basis: FiringContext
    trigger: OnTicket
    provider_id: str | None = None
    our_label: str | None = None
    backlog: bool = False
    looped: bool = False

    @property
    def ticket_settings(self) -> TicketSettings:
        return self.trigger.ticket


def fire_matching_tickets(
    world: World,
    tracker: Tracker,
    watches: Sequence[TicketSubscription],
    page: Iterable[Ticket],
    provider: TicketProvider,
) -> Iterator[tuple[Ticket, list[Run]]]:
    """Fire the matching tickets of a page. Safe to repeat at any time.

    Yield each ticket that was processed, once it is done, with the runs that it started.
    """
    tickets_on_page = list(page)
    keys = [
        key
        for watch in watches
        for page_ticket in tickets_on_page
        for key in _claim_keys(watch.trigger.id, page_ticket)
    ]
    claims = world.firings.find_claims(keys, world.now()) if keys else {}
    for ticket in tickets_on_page:
        runs: list[Run] | None = None
        for watch in watches:
            claim = _find_claim(claims, watch.trigger.id, ticket)
            carries = tickets.matches_labels(ticket, watch.ticket_settings.labels)
            if claim and watch.ticket_settings.refire and not carries:
                world.firings.release_claim(claim, world.now())
            elif carries and ticket.open and claim is None:
                looped = _matches_only_own_label(watch, watches, ticket, claims)
                old = _is_older(watch, provider, ticket)
                subscription = replace(watch, looped=looped, backlog=old)
                runs = [*(runs or ()), *_fire_ticket(world, tracker, subscription, ticket)]
        if runs is not None:
            yield ticket, runs


def _is_older(watch: TicketSubscription, provider: TicketProvider, ticket: Ticket) -> bool:
    """Return whether a ticket is older than its trigger, which has not completed its first listing.

    Tickets changed after the trigger was created are not backlog, even before the first listing.
    """
    if watch.ticket_settings.include_backlog or provider.id in watch.ticket_settings.looked:
        return False
    return ticket.updated_at <= max(watch.trigger.updated_at, provider.created_at)


def _matches_only_own_label(
    watch: TicketSubscription,
    watches: Sequence[TicketSubscription],
    ticket: Ticket,
    claims: Mapping[str, IdempotencyClaim],
) -> bool:
    """Return whether a ticket matches only by the label that a run of its blueprint gave it."""
    ours = labels.normal_label(watch.our_label or "")
    others = [label for label in ticket.labels if labels.normal_label(label) != ours]
    if not ours or tickets.matches_labels(
        replace(ticket, labels=tuple(others)), watch.ticket_settings.labels
    ):
        return False
    same = [w for w in watches if w.trigger.blueprint_id == watch.trigger.blueprint_id]
    claims_found = [_find_claim(claims, other.trigger.id, ticket) for other in same]
    return any(claim is not None and claim.digest == "fired" for claim in claims_found)


def _claim_keys(trigger_id: TriggerId, ticket: Ticket) -> list[str]:
    """Return the possible keys of a claim on a ticket; a new claim uses the first one."""
    return [f"ticket#{trigger_id}#{identity}" for identity in ticket.claim_identities]


def _find_claim(
    claims: Mapping[str, IdempotencyClaim], trigger_id: TriggerId, ticket: Ticket
) -> IdempotencyClaim | None:
    keys = _claim_keys(trigger_id, ticket)
    return next((claims[key] for key in keys if key in claims), None)


def _fire_ticket(
    world: World, tracker: Tracker, watch: TicketSubscription, ticket: Ticket
) -> list[Run]:
    """Fire a ticket; return the run that it started, if any.

    Raises `Superseded` if the task was changed concurrently each time.
    """
    whole = (ticket, []) if watch.backlog else tracker.read_ticket(ticket)

    def decide(identity: str, basis: FiringContext) -> Decision | None:
        if not isinstance(basis.trigger, OnTicket):
            return None
        present = replace(watch, basis=basis, trigger=basis.trigger)
        if not _matches_same_tickets(present, watch):
            return None
        occurrence = _make_occurrence(world, present, *whole, identity)
        unchanged = (present.trigger, present.trigger)
        decision = decide_firing(world, basis, occurrence, trigger_change=unchanged)
        return _with_claim(decision, ticket)

    result: FireResult = Gone()
    for identity in (ticket.claim_identities[0], _new_identity(ticket)):
        result = fire_occurrence(world, watch.basis, partial(decide, identity), Patience.TICKET)
        if not _was_released(result, watch):
            break
        # It fired before, its claim was released with its label, and it has the label again.
    if isinstance(result, Stale):
        raise conflict_error("the task")
    run = result.decision.run if isinstance(result, Fired) else None
    return [run] if run else []


def _matches_same_tickets(present: TicketSubscription, watch: TicketSubscription) -> bool:
    """Return whether a subscription still matches the tickets that it matched when it was read."""
    return present.ticket_settings.matching_fields == watch.ticket_settings.matching_fields


def _was_released(result: FireResult, watch: TicketSubscription) -> bool:
    """Return whether a ticket fired before, and its claim has been released since."""
    if not isinstance(result, AlreadyFired) or result.by_claim:
        return False
    return watch.ticket_settings.refire and result.decision.claim is not None


def _new_identity(ticket: Ticket) -> str:
    return f"{ticket.claim_identities[0]}@{ids.format_moment(ticket.updated_at)}"


def _make_occurrence(
    world: World,
    watch: TicketSubscription,
    ticket: Ticket,
    comments: list[tickets.Comment],
    identity: str,
) -> Occurrence:
    trigger = watch.trigger
    bare = Occurrence(source=trigger.id, identity=identity, trigger_type=TriggerType.TICKET)
    read = payload_params.read_payload_params(
        world, trigger, bare, tickets.ticket_params(ticket, comments, watch.provider_id)
    )
    claim = IdempotencyClaim(
        key=_claim_keys(trigger.id, ticket)[0],
        digest="backlog" if watch.backlog else "fired",
        result=read.firing_id,
        expires_at=None,
    )
    decided = read.decided
    if watch.backlog:
        decided = (Outcome.SKIPPED, Skip.BACKLOG.value)
    elif watch.looped:
        decided = (Outcome.SKIPPED, Skip.LOOP.value)
    elif not tickets.matches_labels(ticket, watch.ticket_settings.labels):
        decided = (Outcome.SKIPPED, Skip.UNTRUSTED.value)  # it matched by labels of strangers
    elif not trigger.enabled:
        decided = (Outcome.SKIPPED, Skip.PAUSED.value)
    return replace(read, claim=claim, decided=decided)


def _with_claim(decision: Decision, ticket: Ticket) -> Decision:
    """Return the decision under the ticket's name; only fired and backlog tickets claim it.

    Any other outcome is a record of this state of the ticket: its next change is decided again.
    """
    firing = replace(decision.firing, occurrence=ticket.occurrence_name)
    if firing.outcome is Outcome.FIRED or firing.reason == Skip.BACKLOG.value:
        return replace(decision, firing=firing)
    source = firing.trigger_id or ""
    identity = firings.firing_id(source, _new_identity(ticket))
    return replace(decision, firing=replace(firing, id=identity), claim=None)
