"""Status comments on tickets: one comment for each run, edited as the run progresses.

Errors of the tracker never fail the run. Temporary ones are retried indefinitely; all others are
recorded in the history of the run.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from chalicelib.actions import due_messages
from chalicelib.actions.firing import trigger_failures
from chalicelib.actions.optimistic import retry_on_conflict
from chalicelib.actions.runs import briefs, transitions
from chalicelib.domain.errors import NotFound, Superseded
from chalicelib.domain.firing.firing import Brief
from chalicelib.domain.runs.attempt import TicketComment
from chalicelib.domain.runs.run import Run, with_event
from chalicelib.domain.runs.run_keys import label_key
from chalicelib.domain.texts import ticket_comment
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.domain.tickets.ticket import TicketOrigin, ticket_origin
from chalicelib.ports import Tracker, TrackerRateLimited, TrackerUnreachable, World

log = logging.getLogger(__name__)
LEASE_DURATION = timedelta(seconds=90)
"""The lease of the process that writes a comment; longer than its function's timeout."""
MAX_FAILURES = 5


def comment_on_ticket(world: World, run: Run) -> None:
    """Update the comment on the run's ticket if its state has changed. Safe to repeat."""
    if run.reply is None or (run.reply.held_until and run.reply.held_until > world.now()):
        return  # the holder of the lease checks for changes when it is done
    until, fault = world.now() + LEASE_DURATION, None
    comment = replace(run.reply, held_until=until, at=until)
    try:
        run = transitions.update_run(world, run, reply=comment)
    except Superseded:
        return  # it is still due
    due_messages.enqueue_if_due_soon(world, [run])  # its watchdog does not wait for the tracker
    try:
        comment = _write_comment(world, run, comment)
    except Exception as error:
        log.exception("no reply", extra={"run": run.id})
        fault = error
    _record_comment(world, run, comment, fault)


def _write_comment(world: World, run: Run, comment_record: TicketComment) -> TicketComment:
    """Return the comment's new state; the ticket is finished even if the comment fails."""
    opened = _open_tracker(world, run)
    if opened is None:
        return comment_record
    tracker, provider, ticket = opened
    note, refused = ticket_comment.compose_comment(run, world.policy.public_url), None
    news = note.text_digest != comment_record.said and not ticket_comment.has_no_comment(run)
    if provider.writes_comments and news:
        try:
            # A process that died between the call and the write has left the comment, with its
            # mark.
            comment_id = comment_record.comment or tracker.find_comment(ticket.external_id, run.id)
            comment = tracker.write_comment(ticket.external_id, comment_id, note)
            comment_record = replace(comment_record, comment=comment, said=note.text_digest)
        except TrackerUnreachable as error:
            refused = error
    if provider.finishes_tickets and ticket_comment.is_ticket_finished(run):
        _hold_label(world, run, provider, ticket)
        tracker.finish_ticket(ticket.external_id)
    if refused:
        raise refused
    return comment_record


def _hold_label(world: World, run: Run, provider: TicketProvider, ticket: TicketOrigin) -> None:
    """Record the run of a label before it is set, so that events caused by it are recognised."""
    label = provider.config.get("doneLabel")
    if label:
        key = label_key(f"{ticket.source}:{ticket.external_id}", label)
        world.run_sets.hold_runs(key, [run.id], world.now() + world.policy.retention)


def _open_tracker(world: World, run: Run) -> tuple[Tracker, TicketProvider, TicketOrigin] | None:
    ticket = ticket_origin(
        briefs.brief_of(world, run) or Brief(), run.repo_url, of_ticket=run.is_from_ticket
    )
    if ticket is None or ticket.provider_id is None:
        return None
    try:
        provider = world.providers.get(ticket.provider_id)
    except NotFound:
        raise TrackerUnreachable("the provider of the ticket was removed") from None
    credential = world.vault.get(provider.secret_key, provider.updated_at)
    if credential is None:
        raise TrackerUnreachable(
            "the credential of the provider is missing: PATCH the provider with a new one"
        )
    return world.trackers.open_tracker(provider, credential, world.now()), provider, ticket


def _record_comment(
    world: World, replied: Run, comment_record: TicketComment, fault: Exception | None
) -> None:
    """Store the comment's new state, retrying over concurrent changes of the run."""

    def settled() -> Run:
        return _with_comment(world, world.runs.get(replied.id), replied, comment_record, fault)

    with suppress(NotFound):
        due_messages.enqueue_if_due_soon(
            world, [retry_on_conflict(f"task {replied.id!r}", settled)]
        )


def _with_comment(
    world: World, run: Run, replied: Run, comment_record: TicketComment, fault: Exception | None
) -> Run:
    now = world.now()
    newer = ticket_comment.compose_comment(run, None) != ticket_comment.compose_comment(
        replied, None
    )
    new = replace(comment_record, held_until=None, failures=0, at=now if newer else None)
    if fault is None:
        return transitions.update_run(world, run, reply=new)
    failures = comment_record.failures + (not isinstance(fault, TrackerRateLimited))
    lasts = isinstance(fault, TrackerUnreachable) and not fault.passes
    if world.is_transient(fault) or (not lasts and failures < MAX_FAILURES):
        again = now + max(_retry_delay(fault), trigger_failures.failure_backoff(max(1, failures)))
        waits = replace(new, failures=failures, at=again)
        if failures == MAX_FAILURES > comment_record.failures:
            message = f"its ticket has no comment yet; retrying: {_describe_fault(fault)}"
            return _with_event(world, run, message, waits)
        return transitions.update_run(world, run, reply=waits)
    message = f"its ticket got no comment: {_describe_fault(fault)}"
    return _with_event(world, run, message, new)


def _with_event(world: World, run: Run, message: str, reply: TicketComment) -> Run:
    new = with_event(run, by="ticket", message=message, at=world.now(), reply=reply)
    world.runs.put(new, run)
    return new


def _retry_delay(fault: Exception) -> timedelta:
    requested_wait = (
        fault.wait if isinstance(fault, TrackerRateLimited | TrackerUnreachable) else None
    )
    return requested_wait or timedelta(0)


def _describe_fault(fault: Exception) -> str:
    is_known = isinstance(fault, TrackerRateLimited | TrackerUnreachable)
    return str(fault) if is_known else f"{type(fault).__name__}: {fault}"
