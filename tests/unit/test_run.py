"""The state machine of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import IllegalTransition
from chalicelib.domain.runs.run import Run, move_run, queue_run, with_changes
from chalicelib.domain.runs.state import FINAL_STATES, HOLDS_SLOT, MOVES, State

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
RUN = queue_run(
    Run(
        id="2f1e7f0e-7a4b-5c55-8d4d-3b0f3b2f1c11",
        type="repo-task",
        title="Bump",
        firing_id="f",
        created_at=NOON,
        updated_at=NOON,
        repo_url="https://example.com/acme/web",
        blueprint_id="d",
        due_at=NOON,
    ),
    by="schedule",
    message="fired",
)


def test_the_first_event_leads_into_queued():
    (first,) = RUN.history

    assert (first.from_state, first.to_state) == (None, State.QUEUED)


@given(st.lists(st.sampled_from(list(State)), max_size=12))
def test_whatever_is_tried_the_history_is_a_path_of_the_table(targets: list[State]):
    run = RUN
    for step, target in enumerate(targets):
        at = NOON + timedelta(seconds=step)
        if target in MOVES[run.state]:
            before = run.version
            run = move_run(run, target, by="test", message="", at=at)
            assert run.version == before + 1
        else:
            with pytest.raises(IllegalTransition):
                move_run(run, target, by="test", message="", at=at)

    assert run.history[-1].to_state == run.state
    for earlier, later in zip(run.history, run.history[1:], strict=False):
        assert later.from_state == earlier.to_state
        assert later.to_state in MOVES[earlier.to_state]
    assert len({event.id for event in run.history}) == len(run.history)
    assert (run.completed_at is not None) == (run.state in FINAL_STATES)
    if len(run.history) > 1 and run.is_final:
        assert run.due_at is None


def test_completed_is_the_only_state_that_nothing_leaves():
    assert [state for state in State if not MOVES[state]] == [State.COMPLETED]


def test_a_touch_keeps_state_and_history_and_makes_a_new_version():
    touched = with_changes(RUN, at=NOON, stage="clone")

    assert (touched.state, touched.history) == (RUN.state, RUN.history)
    assert (touched.version, touched.stage) == (RUN.version + 1, "clone")


def test_a_run_is_held_in_the_counters_of_its_repo_and_its_definition():
    assert RUN.slot_ids == ("repo#https://example.com/acme/web", "definition#d", "stage")
    assert State.QUEUED not in HOLDS_SLOT


def test_lower_priority_numbers_rank_first_and_then_the_older():
    urgent = replace(RUN, priority=1, queued_at=NOON + timedelta(hours=1))
    younger = replace(RUN, queued_at=NOON + timedelta(microseconds=1))

    assert sorted([younger, RUN, urgent], key=lambda run: run.queue_sort_key) == [
        urgent,
        RUN,
        younger,
    ]
