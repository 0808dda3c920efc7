"""Events from the webhooks of forges and trackers: prompts to look again, never facts.

Each kind of event has a function here that selects what is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.actions import moving, providers, sending
from chalicelib.domain import loop
from chalicelib.domain.errors import Invalid, NotFound, Superseded
from chalicelib.domain.pull_request import next_hinted_look
from chalicelib.domain.repo import normal_url
from chalicelib.domain.run import FOLLOWED, Run, branch_key
from chalicelib.ports import World

Payload = Mapping[str, Any]
MOST_BRANCHES = 20
FORGES = ("github",)
"""The senders whose webhooks also report events other than those of tickets."""
TICKETS = (("github", "issues"), ("github", "issue_comment"))


def take(world: World, source: str, event: str, payload: Payload) -> list[str]:
    """Look again at the subjects of a delivery; return the ids of the affected runs."""
    if (source, event) in TICKETS or source not in FORGES:
        providers.sync_now(world, source)
    found = HINTS.get((source, event))
    return found(world, payload) if found else []


def _pull_requests(world: World, payload: Payload) -> list[str]:
    """Make the runs due whose branches a delivery names."""
    repository = payload.get("repository")
    url = repository.get("html_url") if isinstance(repository, Mapping) else None
    try:
        repo_url = normal_url(str(url))
    except Invalid:
        return []
    return [
        run_id
        for name in loop.branches(payload)[:MOST_BRANCHES]
        for run_id in sorted(world.slots.held(branch_key(repo_url, name)))
        if _look_now(world, run_id)
    ]


def _look_now(world: World, run_id: str) -> bool:
    try:
        run = world.runs.get(run_id)
        if run.state not in FOLLOWED or run.pull is None:
            return False
        due = next_hinted_look(run.pull, world.now())
        if run.due_at and run.due_at <= due:
            return True  # it is due as soon anyway
        new: Run = moving.update(world, run, due_at=due)
    except (NotFound, Superseded):
        return False  # it is gone, or the process that changed it handles it
    sending.send_soon(world, [new])
    return True


HINTS: dict[tuple[str, str], Callable[[World, Payload], list[str]]] = {
    ("github", event): _pull_requests
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
