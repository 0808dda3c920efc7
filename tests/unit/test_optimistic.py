"""Changes that lose their race against other writers are repeated at one place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.actions.blueprints import blueprints
from chalicelib.actions.jobs import reports
from chalicelib.actions.jobs.reports import AttemptReport
from chalicelib.actions.optimistic import MAX_CONFLICT_RETRIES, retry_on_conflict
from chalicelib.actions.runs import circuit_breaker, runs
from chalicelib.actions.tickets import providers
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.errors import Busy, Superseded
from chalicelib.domain.runs.state import State
from chalicelib.domain.tickets.provider import TicketProvider
from chalicelib.ports import LostRow, Part, WriteConflict
from infra.dev.emulator import ROOT
from tests.conftest import NOON
from tests.support.core_stage import Stage

MOMENTS: Any = {"created_at": NOON, "updated_at": NOON}
LOOPS = {"actions/optimistic.py", "actions/firing/fire.py", "actions/runs/admission.py"}
"""The modules that repeat a write. Firing returns the reason, and admission frees lost slots."""


class Race:
    """A change that loses the given races, then succeeds."""

    def __init__(self, *lost: Exception) -> None:
        self.lost, self.calls = list(lost), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.lost:
            raise self.lost.pop(0)
        return "done"


def conflict(*parts: Part) -> WriteConflict:
    return WriteConflict([LostRow(part, "x") for part in parts])


def test_a_change_is_repeated_until_it_wins():
    race = Race(Superseded("it"), conflict(Part.BLUEPRINT), Superseded("it"))
    assert retry_on_conflict("it", race, read={Part.BLUEPRINT}) == "done"
    assert race.calls == 4


@pytest.mark.parametrize("parts", [{Part.TRIGGER}, {Part.BLUEPRINT, Part.TRIGGER}])
def test_a_conflict_about_what_the_change_did_not_read_is_raised_at_once(parts: set[Part]):
    race = Race(conflict(*parts))
    with pytest.raises(WriteConflict):
        retry_on_conflict("it", race, read={Part.BLUEPRINT})
    assert race.calls == 1


def test_a_change_that_always_loses_ends_with_one_message():
    race = Race(*[Superseded("it")] * 99)
    with pytest.raises(Superseded, match=r"^task 'd' was modified concurrently; try again$"):
        retry_on_conflict("task 'd'", race)
    assert race.calls == MAX_CONFLICT_RETRIES


def is_counted(loop: ast.AST) -> bool:
    """Return whether a loop repeats the same thing; one over things tries the next one."""
    if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call):
        return isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range"
    return isinstance(loop, ast.While)


def repeated_writes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the loops that catch the loss of a race and try the same again."""
    for loop in filter(is_counted, ast.walk(tree)):
        handlers = [each for each in ast.walk(loop) if isinstance(each, ast.ExceptHandler)]
        caught = {ast.unparse(each.type) for each in handlers if each.type}
        if any("Superseded" in names or "WriteConflict" in names for names in caught):
            yield loop


def test_no_other_loop_repeats_a_lost_write():
    found = {
        str(path.relative_to(ROOT / "chalicelib"))
        for package in ("actions", "pipeline", "storage", "web")
        for path in (ROOT / "chalicelib" / package).rglob("*.py")
        if list(repeated_writes(ast.parse(path.read_text())))
    }
    assert found == LOOPS


def always_superseded(*given: Any) -> Any:
    raise Superseded("changed")


def always_busy(*given: Any) -> Any:
    raise Busy


@pytest.mark.parametrize("loses", [always_superseded, always_busy])
def test_a_pause_that_loses_every_race_fails_no_move(
    monkeypatch: pytest.MonkeyPatch, loses: Callable[..., Any]
):
    stage = Stage()
    run = stage.started()
    owner = Blueprint(id="d", kind=Kind.STANDALONE, name="d", title="d", prompt="Go.", **MOMENTS)
    stage.world.blueprints.add(owner, (), None)
    monkeypatch.setattr(circuit_breaker, "_is_telling", lambda run: True)
    monkeypatch.setattr(circuit_breaker, "_pause_reason", lambda *given: "five failures")
    monkeypatch.setattr(blueprints, "change_blueprint", loses)
    circuit_breaker.pause_after_failures(stage.world, run)


def test_a_sync_that_loses_every_race_is_not_counted_as_asked_for(monkeypatch: pytest.MonkeyPatch):
    stage = Stage()
    provider = TicketProvider(id="p", name="p", source="github", config={}, **MOMENTS)
    stage.world.providers.add(provider)
    monkeypatch.setattr(stage.world.providers, "put", always_superseded)
    assert providers.sync_now(stage.world) == 0


def before_next_write(store: Any, what: Callable[[], object]) -> None:
    """Let something happen between the reads of a change and its write."""
    real = store.move_run

    def move_run(*given: Any, **named: Any) -> Any:
        store.move_run = real
        what()
        return real(*given, **named)

    store.move_run = move_run


def test_the_cost_of_a_job_is_kept_if_its_run_is_cancelled_at_its_end():
    stage = Stage()
    run = stage.started()
    before_next_write(stage.world.run_sets, lambda: runs.cancel_run(stage.world, run.id))
    report = AttemptReport(outcome="failed", error_class="crash", cost_usd=1.5)
    with pytest.raises(Superseded, match=r"^attempt 1 of task .* is over$"):
        reports.report_attempt(stage.world, run.id, run.attempt, report)
    after = stage.world.runs.get(run.id)
    assert (after.state, after.attempts[0].cost_usd) == (State.CANCELLED, 1.5)
