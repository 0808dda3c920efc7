"""Tickets hear of their runs: one comment for each, edited as the run goes on.

A fault of the tracker is tried again, then stands in the history of the run: it never fails it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import failing, moving, sending
from chalicelib.domain import ticket_text
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing import Brief
from chalicelib.domain.provider import Provider
from chalicelib.domain.run import Run, Told, noted
from chalicelib.domain.ticket import Origin, origin
from chalicelib.ports import Limited, Tracker, Unreachable, World

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=90)
"""For how long others wait for the one who tells; longer than its function may take."""
MOST_FAILURES = 5
AGAIN = 5


def tell(world: World, run: Run) -> None:
    """Say on its ticket how a run stands, if there is anything new. Safe to repeat."""
    if run.told is None or (run.told.held_until and run.told.held_until > world.now()):
        return  # whoever holds it looks again when it is done
    held = replace(run.told, held_until=world.now() + LEASE)
    try:
        run = moving.update(world, run, told=held)
    except Superseded:
        return  # it is still due
    told, fault = held, None
    try:
        told = _said(world, run, held)
    except Exception as error:
        log.exception("ticket not told", extra={"run": run.id})
        fault = error
    _settle(world, run, told, fault)


def _said(world: World, run: Run, told: Told) -> Told:
    """Return what the ticket knows now; both parts are tried, whatever becomes of the first."""
    place = _place(world, run)
    if place is None:
        return told
    tracker, provider, ticket = place
    note, refused = ticket_text.note(run, world.policy.public_url), None
    news = note.digest != told.said and not ticket_text.silent(run)
    if provider.comments and news:
        try:
            # One who died after the call and before the write has left it there, with its mark.
            known = told.comment or tracker.find(ticket.external_id, run.id)
            comment = tracker.say(ticket.external_id, known, note)
            told = replace(told, comment=comment, said=note.digest)
        except Unreachable as error:
            refused = error
    if provider.finishes and ticket_text.finished(run):
        tracker.finish(ticket.external_id)
    if refused:
        raise refused
    return told


def _place(world: World, run: Run) -> tuple[Tracker, Provider, Origin] | None:
    ticket = origin(world.firings.brief(run.firing_id) or Brief(), run.repo_url)
    if ticket is None or ticket.provider_id is None:
        return None
    try:
        provider = world.providers.get(ticket.provider_id)
    except NotFound:
        raise Unreachable("the provider of the ticket was removed") from None
    credential = world.vault.get(provider.secret_key)
    if credential is None:
        raise Unreachable("the credential of the provider is gone: PATCH it with a new one")
    return world.trackers.open(provider, credential, world.now()), provider, ticket


def _settle(world: World, told_of: Run, told: Told, fault: Exception | None) -> None:
    """Write down what the ticket knows, over whatever happened to the run meanwhile."""
    for _ in range(AGAIN):
        try:
            new = _settled(world, world.runs.get(told_of.id), told_of, told, fault)
        except NotFound:
            return
        except Superseded:
            continue
        sending.send_soon(world, [new])
        return
    raise Superseded(f"task {told_of.id!r} changed again and again meanwhile")


def _settled(world: World, run: Run, told_of: Run, told: Told, fault: Exception | None) -> Run:
    now = world.now()
    newer = ticket_text.note(run, None) != ticket_text.note(told_of, None)
    new = replace(told, held_until=None, failures=0, at=now if newer else None)
    if fault is None:
        return moving.update(world, run, told=new)
    failures = told.failures + (not isinstance(fault, Limited))
    if _passes(fault) and failures < MOST_FAILURES:
        again = now + max(_wait(fault), failing.backoff(max(1, failures)))
        return moving.update(world, run, told=replace(new, failures=failures, at=again))
    words = f"its ticket could not be told: {_said_of(fault)}"
    final = noted(run, by="ticket", message=words, at=now, told=new)
    world.runs.put(final, run)
    return final


def _passes(fault: Exception) -> bool:
    return not isinstance(fault, Unreachable) or fault.passes


def _wait(fault: Exception) -> timedelta:
    asked = fault.wait if isinstance(fault, Limited | Unreachable) else None
    return asked or timedelta(0)


def _said_of(fault: Exception) -> str:
    known = isinstance(fault, Limited | Unreachable)
    return str(fault) if known else f"{type(fault).__name__}: {fault}"
