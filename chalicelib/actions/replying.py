"""Status comments on tickets: one comment for each run, edited as the run progresses.

Errors of the tracker never fail the run. Temporary ones are retried indefinitely; all others are
recorded in the history of the run.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import briefs, failing, moving, sending
from chalicelib.actions.persisting import persist
from chalicelib.domain import reply_text
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing import Brief
from chalicelib.domain.history import Reply
from chalicelib.domain.provider import Provider
from chalicelib.domain.run import Run, label_key, noted
from chalicelib.domain.ticket import Origin, origin
from chalicelib.ports import Limited, Tracker, Unreachable, World

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=90)
"""The lease of the process that writes a comment; longer than its function's timeout."""
MOST_FAILURES = 5


def reply(world: World, run: Run) -> None:
    """Update the comment on the run's ticket if its state has changed. Safe to repeat."""
    if run.reply is None or (run.reply.held_until and run.reply.held_until > world.now()):
        return  # the holder of the lease checks for changes when it is done
    until, fault = world.now() + LEASE, None
    said = replace(run.reply, held_until=until, at=until)
    try:
        run = moving.update(world, run, reply=said)
    except Superseded:
        return  # it is still due
    sending.send_soon(world, [run])  # its watchdog does not wait for the tracker
    try:
        said = _replied(world, run, said)
    except Exception as error:
        log.exception("no reply", extra={"run": run.id})
        fault = error
    _settle(world, run, said, fault)


def _replied(world: World, run: Run, said: Reply) -> Reply:
    """Return the comment's new state; the ticket is finished even if the comment fails."""
    place = _place(world, run)
    if place is None:
        return said
    tracker, provider, ticket = place
    note, refused = reply_text.note(run, world.policy.public_url), None
    news = note.digest != said.said and not reply_text.silent(run)
    if provider.comments and news:
        try:
            # A process that died between the call and the write has left the comment, with its
            # mark.
            known = said.comment or tracker.find(ticket.external_id, run.id)
            comment = tracker.say(ticket.external_id, known, note)
            said = replace(said, comment=comment, said=note.digest)
        except Unreachable as error:
            refused = error
    if provider.finishes and reply_text.finished(run):
        _hold_label(world, run, provider, ticket)
        tracker.finish(ticket.external_id)
    if refused:
        raise refused
    return said


def _hold_label(world: World, run: Run, provider: Provider, ticket: Origin) -> None:
    """Record the run of a label before it is set, so that events caused by it are recognised."""
    label = provider.config.get("doneLabel")
    if label:
        key = label_key(f"{ticket.source}:{ticket.external_id}", label)
        world.slots.hold(key, [run.id], world.now() + world.policy.retention)


def _place(world: World, run: Run) -> tuple[Tracker, Provider, Origin] | None:
    ticket = origin(briefs.brief_of(world, run) or Brief(), run.repo_url, of_ticket=run.of_ticket)
    if ticket is None or ticket.provider_id is None:
        return None
    try:
        provider = world.providers.get(ticket.provider_id)
    except NotFound:
        raise Unreachable("the provider of the ticket was removed") from None
    credential = world.vault.get(provider.secret_key)
    if credential is None:
        raise Unreachable(
            "the credential of the provider is missing: PATCH the provider with a new one"
        )
    return world.trackers.open(provider, credential, world.now()), provider, ticket


def _settle(world: World, replied: Run, said: Reply, fault: Exception | None) -> None:
    """Store the comment's new state, retrying over concurrent changes of the run."""

    def settled() -> Run:
        return _settled(world, world.runs.get(replied.id), replied, said, fault)

    with suppress(NotFound):
        sending.send_soon(world, [persist(f"task {replied.id!r}", settled)])


def _settled(world: World, run: Run, replied: Run, said: Reply, fault: Exception | None) -> Run:
    now = world.now()
    newer = reply_text.note(run, None) != reply_text.note(replied, None)
    new = replace(said, held_until=None, failures=0, at=now if newer else None)
    if fault is None:
        return moving.update(world, run, reply=new)
    failures = said.failures + (not isinstance(fault, Limited))
    lasts = isinstance(fault, Unreachable) and not fault.passes
    if world.passes(fault) or (not lasts and failures < MOST_FAILURES):
        again = now + max(_wait(fault), failing.backoff(max(1, failures)))
        waits = replace(new, failures=failures, at=again)
        if failures == MOST_FAILURES > said.failures:
            words = f"its ticket has no comment yet; retrying: {_said_of(fault)}"
            return _noted(world, run, words, waits)
        return moving.update(world, run, reply=waits)
    words = f"its ticket got no comment: {_said_of(fault)}"
    return _noted(world, run, words, new)


def _noted(world: World, run: Run, words: str, reply: Reply) -> Run:
    new = noted(run, by="ticket", message=words, at=world.now(), reply=reply)
    world.runs.put(new, run)
    return new


def _wait(fault: Exception) -> timedelta:
    asked = fault.wait if isinstance(fault, Limited | Unreachable) else None
    return asked or timedelta(0)


def _said_of(fault: Exception) -> str:
    known = isinstance(fault, Limited | Unreachable)
    return str(fault) if known else f"{type(fault).__name__}: {fault}"
