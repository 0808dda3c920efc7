"""A brief lives as long as its run, and a run whose brief is gone fails visibly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.actions.jobs import jobs
from chalicelib.actions.runs import admission, runs, transitions
from chalicelib.actions.scheduler import run_due
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from tests.support.core_owner import owner
from tests.support.core_stage import Stage

DAY = timedelta(days=1)
RETENTION = 90 * DAY


class Expiring:
    """The ledger of a stage whose rows end when DynamoDB would remove them."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._real = stage, stage.world.firings
        self.ends: dict[str, datetime] = {}
        self.kept = 0

    def __getattr__(self, name: str) -> Any:
        rows = self._stage.world.tables.rows["firings"]
        for key in list(rows):
            ends = self.ends.setdefault(key, rows[key][0].fired_at + RETENTION + DAY)
            if self._stage.now > ends:
                del rows[key]
        return getattr(self._real, name)

    def extend_retention(self, firing_id: str, until: datetime) -> None:
        assert firing_id in self.ends
        self.kept += 1
        self.ends[firing_id] = until


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    made.world.firings = Expiring(made)
    monkeypatch.setattr(wiring, "get_world", lambda: made.world)
    return made


def waiting(stage: Stage) -> Run:
    run = runs.start_run(stage.world, owner(), {}, stored=False)
    stage.world.firings.get(run.firing_id)
    return run


def test_a_run_that_waits_for_a_year_still_has_its_brief(stage: Stage):
    run = waiting(stage)
    stage.world.run_sets.hold_runs("stage", ["a", "b", "c", "d"])
    for other in "abcd":
        row = replace(run, id=other, state=State.RUNNING)
        stage.world.tables.rows["runs"][other] = row
    for _ in range(365):
        stage.now += DAY
        run_due.handle_due_run(stage.world, run.id)
    assert stage.world.runs.get(run.id).state is State.QUEUED
    assert stage.world.firings.get_brief(run.firing_id).prompt == "Go."
    assert 10 <= stage.world.firings.kept <= 14


def test_a_final_run_keeps_its_brief_for_as_long_as_itself(stage: Stage):
    run = waiting(stage)
    stage.now += 25 * DAY
    ended = transitions.fail_run(stage.world, run, by="user", error_class="x", message="no")
    assert ended.due_at == stage.now
    run_due.handle_due_run(stage.world, run.id)
    assert stage.world.runs.get(run.id).due_at is None
    stage.now += RETENTION - timedelta(hours=1)
    assert stage.world.firings.get_brief(run.firing_id).prompt == "Go."


def test_a_run_of_a_day_costs_no_write_for_its_brief(stage: Stage):
    run = waiting(stage)
    stage.now += timedelta(hours=23)
    ended = transitions.fail_run(stage.world, run, by="user", error_class="x", message="no")
    assert ended.due_at is None
    assert stage.world.firings.kept == 0


def test_a_run_whose_brief_is_gone_fails_and_frees_its_slot(stage: Stage):
    run = waiting(stage)
    stage.world.tables.rows["firings"].clear()
    admission.admit_queue(stage.world, run.queue_id)
    assert stage.world.runs.get(run.id).state is State.PROVISIONING
    assert jobs.claim_job(stage.world, "r1") is None
    failed = stage.world.runs.get(run.id)
    assert (failed.state, failed.error_class) == (State.FAILED, "brief_gone")
    assert "start a new one" in failed.error_message
    assert not stage.world.run_sets.held_runs("stage")


def test_a_run_that_waits_for_a_person_is_not_sent_by_every_tick(stage: Stage):
    run = waiting(stage)
    stuck = replace(run, state=State.NEEDS_ATTENTION, due_at=stage.now)
    stage.world.tables.rows["runs"][run.id] = stuck
    run_due.handle_due_run(stage.world, run.id)
    assert stage.world.runs.get(run.id).due_at is None
    assert not list(stage.world.runs.iter_due(stage.now + DAY))
