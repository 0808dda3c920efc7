"""Stored rows can be read by another version: a default that was left out never changes."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import Any

import pytest

from chalicelib.domain.access import key, secret
from chalicelib.domain.blueprints import blueprint, prompt_template
from chalicelib.domain.firing import firing
from chalicelib.domain.repos import repo
from chalicelib.domain.runs import run, state
from chalicelib.domain.tickets import provider
from chalicelib.domain.triggers import trigger
from chalicelib.storage.dynamo import codec
from chalicelib.storage.runs.runs import from_record, to_record
from tests.conftest import NOON

ID = "3f0d4a52-2c06-4f0c-9d55-1e1b8e3f0a11"
RUN = run.queue_run(
    run.Run(id=ID, type="repo-task", title="t", firing_id=ID, created_at=NOON, updated_at=NOON),
    by="schedule",
    message="fired by schedule",
)
FIXED: dict[type, dict[str, object]] = {
    run.Run: {
        "state": "queued",
        "version": 1,
        "agent_type": "claude-code",
        "timeout_minutes": 60,
        "max_retries": 3,
        "priority": 100,
        "max_concurrent": 2,
        "pool": "self-hosted",
    },
    blueprint.Blueprint: {
        "version": 1,
        "agent_type": "claude-code",
        "timeout_minutes": 60,
        "max_retries": 3,
        "priority": 100,
        "max_concurrent": 2,
        "enabled": True,
        "on_open_pr": "allow",
    },
    trigger.Trigger: {"version": 1, "enabled": True},
    firing.Firing: {"trigger_type": "manual"},
    provider.TicketProvider: {"version": 1, "enabled": True},
    prompt_template.PromptTemplate: {"version": 1, "kind": "prompt"},
    repo.Repo: {"version": 1, "max_concurrent_tasks": 2, "max_auto_resumes": 10},
    secret.Secret: {},
    key.ApiKey: {},
}
"""Defaults that are left out of rows, besides empty values. Rows are read by them indefinitely."""


@pytest.mark.parametrize("kind", FIXED, ids=lambda kind: kind.__name__)
def test_a_default_that_rows_leave_out_is_what_it_was_when_they_were_written(kind: type):
    defaults: dict[str, Any] = {one.name: one.default for one in fields(kind)}
    for name, fixed in FIXED[kind].items():
        assert defaults[name] == fixed, f"{name}: give the new default where it is made, not here"


def test_a_row_says_nothing_of_what_is_as_its_default_says():
    text = codec.dump_json(RUN, without=("history", "attempts"))
    assert set(codec.load_json(dict[str, object], text)) == {
        one.name for one in fields(run.Run) if one.default is MISSING
    }
    assert codec.load_json(run.Run, text) == replace(RUN, history=())


def test_a_run_is_read_as_it_was_written_its_history_too():
    moved = run.move_run(RUN, state.State.CANCELLED, by="user", message="no", at=NOON)
    for one in (RUN, moved, replace(moved, priority=0, max_retries=0, title="")):
        assert from_record(to_record(one)) == one


def test_a_history_that_was_written_whole_is_read_as_well():
    row = to_record(RUN)
    row.history = codec.dump_json((RUN.history, RUN.attempts))
    assert '"from_state"' in row.history
    assert from_record(row) == RUN
