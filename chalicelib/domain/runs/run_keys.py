"""Names of branches of runs, and keys of sets and counters of runs."""

from __future__ import annotations

import re

from chalicelib.domain.ids import BlueprintId, CounterKey, QueueKey
from chalicelib.domain.label import normal_label

STAGE_COUNTER = CounterKey("stage")
"""The counter of all runs of the installation that hold a slot."""
BRANCH_PREFIX = "optio/"
"""The default prefix of run branches, unless the repo's settings name another."""
_OWN_BRANCH = re.compile(r"task-[0-9a-f]{8}$")


def is_run_branch(name: str) -> bool:
    """Return whether a branch is named like a run's branch, with any prefix."""
    return _OWN_BRANCH.search(name) is not None


def pool_key(pool: str) -> QueueKey:
    """Return the key of the queue of runs that wait for a runner of a pool."""
    return QueueKey(f"pool#{pool}")


def repo_counter_key(repo_url: str) -> CounterKey:
    """Return the key of the runs of a repo that hold a slot."""
    return CounterKey(f"repo#{repo_url}")


def blueprint_counter_key(blueprint_id: BlueprintId | None) -> CounterKey:
    """Return the key of the runs of a blueprint that hold a slot."""
    return CounterKey(f"definition#{blueprint_id}")


def slot_keys(repo_url: str | None, blueprint_id: BlueprintId | None) -> tuple[CounterKey, ...]:
    """Return the keys of all counters that a run is in while it holds a slot."""
    repo = (repo_counter_key(repo_url),) if repo_url else ()
    blueprint = (blueprint_counter_key(blueprint_id),) if blueprint_id else ()
    return (*repo, *blueprint, STAGE_COUNTER)


def queue_key(repo_url: str | None, blueprint_id: BlueprintId | None) -> QueueKey:
    """Return the key of a run's queue: that of the counter of its repo, or of its blueprint."""
    return QueueKey(repo_counter_key(repo_url) if repo_url else blueprint_counter_key(blueprint_id))


def open_prs_key(blueprint_id: BlueprintId) -> CounterKey:
    """Return the key of the set of a blueprint's runs with open pull requests."""
    return CounterKey(f"open_prs#{blueprint_id}")


def branch_key(repo_url: str, branch: str) -> CounterKey:
    """Return the key of the set of runs that push to a branch."""
    return CounterKey(f"branch#{repo_url}#{branch}")


def label_key(ticket: str, label: str) -> CounterKey:
    """Return the key of the set of runs that gave a ticket a label."""
    return CounterKey(f"label#{ticket.casefold()}#{normal_label(label)}")
