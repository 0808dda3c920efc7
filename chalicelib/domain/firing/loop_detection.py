"""Loop detection: finds the runs that caused a delivery, by their branch, mark or label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.firing import run_marker
from chalicelib.domain.runs.run_keys import is_run_branch

_BRANCHES = (
    ("pull_request", "head", "ref"),
    ("check_run", "check_suite", "head_branch"),
    ("check_suite", "head_branch"),
    ("workflow_run", "head_branch"),
    ("object_attributes", "source_branch"),
    ("ref",),
)
_TEXTS = (
    *(("comment", "body"), ("pull_request", "body"), ("issue", "body"), ("review", "body")),
    ("data", "body"),
)


def run_branches(payload: Mapping[str, Any]) -> list[str]:
    """Return the distinct branches in a delivery that are named like a run's branch."""
    branch_names = [
        str(text).removeprefix("refs/heads/") for text in _values_at(payload, _BRANCHES)
    ]
    entries = payload.get("branches")
    branch_entries = (
        [entry for entry in entries if isinstance(entry, Mapping)]
        if isinstance(entries, list)
        else []
    )
    branch_names += [str(entry.get("name")) for entry in branch_entries]
    return [name for name in dict.fromkeys(branch_names) if is_run_branch(name)]


def labelled_ticket(payload: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the ticket and the label if a delivery reports that a GitHub issue was labelled."""
    issue, where = payload.get("issue"), (("repository", "full_name"), ("label", "name"))
    slug, name = (next(_values_at(payload, (path,)), "") for path in where)
    number = issue.get("number") if isinstance(issue, Mapping) else None
    if payload.get("action") != "labeled" or not isinstance(number, int):
        return None
    return f"github:{slug}#{number}", str(name)


def run_ids_in_texts(payload: Mapping[str, Any]) -> list[str]:
    """Return the ids of the runs whose own texts a delivery contains."""
    texts = [str(text) for text in _values_at(payload, _TEXTS)]
    return list(dict.fromkeys(run for text in texts for run in run_marker.marked_run_ids(text)))


def _values_at(payload: Mapping[str, Any], paths: tuple[tuple[str, ...], ...]) -> Iterator[object]:
    for path in paths:
        value: Any = payload
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str):
            yield value
