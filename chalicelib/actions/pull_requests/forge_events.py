"""Events from the webhooks of forges and trackers: prompts to look again, never facts.

Each kind of event has a function here that selects what is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.actions import due_messages
from chalicelib.actions.access import forge_credentials
from chalicelib.actions.firing import inbound_verification
from chalicelib.actions.runs import transitions
from chalicelib.actions.tickets import providers
from chalicelib.domain.errors import Invalid, NotFound, Superseded
from chalicelib.domain.firing import loop_detection
from chalicelib.domain.ids import RunId
from chalicelib.domain.pull_requests.forge import WEBHOOK_SECRET_NAMES
from chalicelib.domain.pull_requests.pull_request import next_look_after_event
from chalicelib.domain.repos.repo import normal_url
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_keys import branch_key
from chalicelib.domain.runs.state import FOLLOWED_STATES
from chalicelib.domain.triggers import webhook_events
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.ports import World

Payload = Mapping[str, Any]
MAX_BRANCHES = 20
FORGE_SOURCES = ("github",)
"""The senders whose webhooks also report events other than those of tickets."""
TICKET_EVENTS = (("github", "issues"), ("github", "issue_comment"))


@dataclass(frozen=True, kw_only=True)
class ReceivedEvent:
    """An event of a forge or tracker, the runs that are looked at again, and the status to send."""

    name: str
    run_ids: list[RunId]
    success_status: int


def receive_event(world: World, source: str, delivery: InboundDelivery) -> ReceivedEvent:
    """Look again at the subjects of a signed delivery.

    Raises `InvalidSignature`, also if no secret is saved for this source, and `Invalid`, `NotJson`
    or `TooLarge` for a body that cannot be read.
    """
    sender = SENDERS[source]
    secret = forge_credentials.forge_webhook_secret(world, source)
    if secret is None:
        name = WEBHOOK_SECRET_NAMES[source]
        message = f"the secret to verify this is not saved: PUT /api/secrets/{name}"
        raise inbound_verification.record_rejection(world, "signature", message)
    payload = inbound_verification.open_delivery(world, source, delivery, [secret])
    names = webhook_events.event_names(sender, delivery, payload)
    event = delivery.first_header(*sender.event_headers) or min(names, default="")
    run_ids = handle_forge_event(world, source, event, payload) if isinstance(payload, dict) else []
    return ReceivedEvent(name=event, run_ids=run_ids, success_status=sender.success_status)


def handle_forge_event(world: World, source: str, event: str, payload: Payload) -> list[RunId]:
    """Look again at the subjects of a delivery; return the ids of the affected runs."""
    if (source, event) in TICKET_EVENTS or source not in FORGE_SOURCES:
        providers.sync_now(world, source)
    handler = EVENT_HANDLERS.get((source, event))
    return handler(world, payload) if handler else []


def _look_at_pull_requests(world: World, payload: Payload) -> list[RunId]:
    """Make the runs due whose branches a delivery names."""
    repository = payload.get("repository")
    url = repository.get("html_url") if isinstance(repository, Mapping) else None
    try:
        repo_url = normal_url(str(url))
    except Invalid:
        return []
    return [
        run_id
        for name in loop_detection.run_branches(payload)[:MAX_BRANCHES]
        for run_id in sorted(world.run_sets.held_runs(branch_key(repo_url, name)))
        if _look_now(world, run_id)
    ]


def _look_now(world: World, run_id: RunId) -> bool:
    try:
        run = world.runs.get(run_id)
        if run.state not in FOLLOWED_STATES or run.pull is None:
            return False
        due = next_look_after_event(run.pull, world.now())
        if run.due_at and run.due_at <= due:
            return True  # it is due as soon anyway
        new: Run = transitions.update_run(world, run, due_at=due)
    except (NotFound, Superseded):
        return False  # it is gone, or the process that changed it handles it
    due_messages.enqueue_if_due_soon(world, [new])
    return True


EVENT_HANDLERS: dict[tuple[str, str], Callable[[World, Payload], list[RunId]]] = {
    ("github", event): _look_at_pull_requests
    for event in (
        "pull_request",
        "pull_request_review",
        "check_run",
        "check_suite",
        "status",
        "push",
        "workflow_run",
    )
}
"""The handler of each event, by sender and name."""
