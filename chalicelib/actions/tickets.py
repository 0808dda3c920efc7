"""Ticket triggers: each matching ticket fires each trigger once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.actions import hooks
from chalicelib.actions.firing import Occurrence, commit, decide
from chalicelib.actions.persisting import AGAIN
from chalicelib.domain import firing as firings
from chalicelib.domain import label as labels
from chalicelib.domain import ticket as tickets
from chalicelib.domain.decision import Basis, Decision
from chalicelib.domain.errors import Superseded
from chalicelib.domain.firing import Claim, Outcome, Skip
from chalicelib.domain.provider import Provider
from chalicelib.domain.run import Run
from chalicelib.domain.ticket import Ticket
from chalicelib.domain.trigger import TicketConfig, Trigger
from chalicelib.ports import Taken, Tracker, World


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A trigger that waits for tickets of a provider.

    `our_label` is the label that finished runs set there. `backlog` marks tickets from before the
    trigger's first listing, and `looped` those that match only because of our label.
    """

    basis: Basis
    provider_id: str | None = None
    our_label: str | None = None
    backlog: bool = False
    looped: bool = False

    @property
    def trigger(self) -> Trigger:
        assert self.basis.trigger is not None
        return self.basis.trigger

    @property
    def config(self) -> TicketConfig:
        assert self.trigger.ticket is not None
        return self.trigger.ticket


def settle(
    world: World,
    tracker: Tracker,
    watches: Sequence[Watch],
    page: Iterable[Ticket],
    provider: Provider,
) -> Iterator[tuple[Ticket, list[Run]]]:
    """Fire the matching tickets of a page. Safe to repeat at any time.

    Yield each ticket that was processed, once it is done, with the runs that it started.
    """
    found = list(page)
    keys = [key for watch in watches for one in found for key in _keys(watch.trigger.id, one)]
    claims = world.firings.claims(keys, world.now()) if keys else {}
    for ticket in found:
        runs: list[Run] | None = None
        for watch in watches:
            claim = _claim(claims, watch.trigger.id, ticket)
            carries = tickets.matches(ticket, watch.config.labels)
            if claim and watch.config.refire and not carries:
                world.firings.release(claim, world.now())
            elif carries and ticket.open and claim is None:
                looped = _by_our_label(watch, watches, ticket, claims)
                old = _old(watch, provider, ticket)
                asked = replace(watch, looped=looped, backlog=old)
                runs = [*(runs or ()), *_fire(world, tracker, asked, ticket)]
        if runs is not None:
            yield ticket, runs


def _old(watch: Watch, provider: Provider, ticket: Ticket) -> bool:
    """Return whether a ticket is older than its trigger, which has not completed its first listing.

    Tickets changed after the trigger was created are not backlog, even before the first listing.
    """
    if watch.config.include_backlog or provider.id in watch.config.looked:
        return False
    return ticket.updated_at <= max(watch.trigger.updated_at, provider.created_at)


def _by_our_label(
    watch: Watch, watches: Sequence[Watch], ticket: Ticket, claims: Mapping[str, Claim]
) -> bool:
    """Return whether a ticket matches only by the label that a run of its blueprint gave it."""
    ours = labels.normal_label(watch.our_label or "")
    others = [label for label in ticket.labels if labels.normal_label(label) != ours]
    if not ours or tickets.matches(replace(ticket, labels=tuple(others)), watch.config.labels):
        return False
    same = [w for w in watches if w.trigger.definition_id == watch.trigger.definition_id]
    found = [_claim(claims, other.trigger.id, ticket) for other in same]
    return any(claim is not None and claim.digest == "fired" for claim in found)


def _keys(trigger_id: str, ticket: Ticket) -> list[str]:
    """Return the possible keys of a claim on a ticket; a new claim uses the first one."""
    return [f"ticket#{trigger_id}#{identity}" for identity in ticket.identities]


def _claim(claims: Mapping[str, Claim], trigger_id: str, ticket: Ticket) -> Claim | None:
    keys = _keys(trigger_id, ticket)
    return next((claims[key] for key in keys if key in claims), None)


def _fire(world: World, tracker: Tracker, watch: Watch, ticket: Ticket) -> list[Run]:
    identity, whole = ticket.identities[0], None
    for _ in range(AGAIN):
        if whole is None and not watch.backlog:
            whole = tracker.whole(ticket)
        occurrence = _occurrence(world, watch, *(whole or (ticket, [])), identity)
        decision = _kept(decide(world, watch.basis, occurrence, moved=_same(watch)), ticket)
        try:
            commit(world, decision)
        except Taken as taken:
            if "claim" in taken.parts or identity != ticket.identities[0]:
                return []
            if taken.parts & {"firing", "run"}:
                if not watch.config.refire or decision.claim is None:
                    return []
                # It fired before, its claim was released with its label, and it has the label
                # again.
                identity = _again(ticket)
                continue
            again = _reread(world, watch)
            if again is None:
                return []
            watch = again
            continue
        return [decision.run] if decision.run else []
    raise Superseded("the task was modified concurrently; try again later")


def _again(ticket: Ticket) -> str:
    return f"{ticket.identities[0]}@{firings.moment_text(ticket.updated_at)}"


def _same(watch: Watch) -> tuple[Trigger, Trigger]:
    return watch.trigger, watch.trigger


def _reread(world: World, watch: Watch) -> Watch | None:
    """Return the present subscription, None if its trigger is gone or matches other tickets."""
    trigger = watch.trigger
    basis = world.triggers.bases([(trigger.id, trigger.definition_id)]).get(trigger.id)
    if basis is None or basis.trigger is None or basis.trigger.ticket is None:
        return None
    new = replace(watch, basis=basis)
    return new if new.config.wanted == watch.config.wanted else None


def _occurrence(
    world: World,
    watch: Watch,
    ticket: Ticket,
    comments: list[tickets.Comment],
    identity: str,
) -> Occurrence:
    trigger = watch.trigger
    bare = Occurrence(source=trigger.id, identity=identity, trigger_type="ticket")
    read = hooks.read(world, trigger, bare, tickets.params(ticket, comments, watch.provider_id))
    claim = Claim(
        key=_keys(trigger.id, ticket)[0],
        digest="backlog" if watch.backlog else "fired",
        result=read.firing_id,
        expires_at=None,
    )
    decided = read.decided
    if watch.backlog:
        decided = (Outcome.SKIPPED, Skip.BACKLOG.value)
    elif watch.looped:
        decided = (Outcome.SKIPPED, Skip.LOOP.value)
    elif not tickets.matches(ticket, watch.config.labels):
        decided = (Outcome.SKIPPED, Skip.UNTRUSTED.value)  # it matched by labels of strangers
    elif not trigger.enabled:
        decided = (Outcome.SKIPPED, Skip.PAUSED.value)
    return replace(read, claim=claim, decided=decided)


def _kept(decision: Decision, ticket: Ticket) -> Decision:
    """Return the decision under the ticket's name; only fired and backlog tickets claim it.

    Any other outcome is a record of this state of the ticket: its next change is decided again.
    """
    named = replace(decision.firing, occurrence=ticket.occurrence)
    if named.outcome is Outcome.FIRED or named.reason == Skip.BACKLOG.value:
        return replace(decision, firing=named)
    source = named.trigger_id or ""
    identity = firings.firing_id(source, _again(ticket))
    return replace(decision, firing=replace(named, id=identity), claim=None)
