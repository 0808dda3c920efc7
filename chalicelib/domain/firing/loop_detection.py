"""Loop detection: finds the runs that caused a delivery, by their branch, mark or label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.firing import run_marker
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.run_keys import is_run_branch
from chalicelib.domain.triggers.webhook_events import get_path

_BRANCHES = (
    "pull_request.head.ref",
    "check_run.check_suite.head_branch",
    "check_suite.head_branch",
    "workflow_run.head_branch",
    "object_attributes.source_branch",
    "ref",
)
_TEXTS = ("comment.body", "pull_request.body", "issue.body", "review.body", "data.body")


def run_branches(payload: Mapping[str, Any]) -> list[str]:
    """Return the distinct branches in a delivery that are named like a run's branch."""
    branch_names = [text.removeprefix("refs/heads/") for text in _texts_at(payload, _BRANCHES)]
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
    issue, where = payload.get("issue"), ("repository.full_name", "label.name")
    slug, name = (next(_texts_at(payload, (path,)), "") for path in where)
    number = issue.get("number") if isinstance(issue, Mapping) else None
    if payload.get("action") != "labeled" or not isinstance(number, int):
        return None
    return f"github:{slug}#{number}", name


def run_ids_in_texts(payload: Mapping[str, Any]) -> list[RunId]:
    """Return the ids of the runs whose own texts a delivery contains."""
    texts = _texts_at(payload, _TEXTS)
    return list(dict.fromkeys(run for text in texts for run in run_marker.marked_run_ids(text)))


def _texts_at(payload: Mapping[str, Any], paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if isinstance(value := get_path(payload, path), str):
            yield value
