"""Names of branches of runs, and keys of sets and counters of runs."""

from __future__ import annotations

import re

from chalicelib.domain.label import normal_label

STAGE_COUNTER = "stage"
"""The counter of all runs of the installation that hold a slot."""
BRANCH_PREFIX = "optio/"
"""The default prefix of run branches, unless the repo's settings name another."""
_OWN_BRANCH = re.compile(r"task-[0-9a-f]{8}$")


def is_run_branch(name: str) -> bool:
    """Return whether a branch is named like a run's branch, with any prefix."""
    return _OWN_BRANCH.search(name) is not None


def pool_key(pool: str) -> str:
    """Return the key of the queue of runs that wait for a runner of a pool."""
    return f"pool#{pool}"


def open_prs_key(blueprint_id: str) -> str:
    """Return the key of the set of a blueprint's runs with open pull requests."""
    return f"open_prs#{blueprint_id}"


def branch_key(repo_url: str, branch: str) -> str:
    """Return the key of the set of runs that push to a branch."""
    return f"branch#{repo_url}#{branch}"


def label_key(ticket: str, label: str) -> str:
    """Return the key of the set of runs that gave a ticket a label."""
    return f"label#{ticket.casefold()}#{normal_label(label)}"
