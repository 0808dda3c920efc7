"""Changes of a run have the names and types of its fields."""

from __future__ import annotations

import ast
from dataclasses import fields
from typing import get_type_hints

from chalicelib.domain.runs.attempt import Attempt, AttemptChanges
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.run_changes import RunChanges, ShownPullRequest
from infra.dev.emulator import ROOT

BY_MOVES = {"state", "version", "updated_at", "completed_at", "history"}
AT_ITS_FIRING = """
    id type title firing_id created_at blueprint_id blueprint_name trigger_id repo_url agent_type
    model max_turns timeout_minutes max_retries priority max_concurrent secrets overlap_key
    lateness_ms missing_params works_on
"""
"""Fields that are set once, when the run is created."""


def test_every_field_of_a_run_is_fixed_or_a_change_of_its_type():
    hints = get_type_hints(Run)
    changes, fixed = get_type_hints(RunChanges), set(AT_ITS_FIRING.split())
    assert set(changes) == {field.name for field in fields(Run)} - BY_MOVES - fixed
    assert changes == {name: hints[name] for name in changes}


def test_what_shows_a_pull_request_are_changes_of_a_run():
    changes = get_type_hints(RunChanges)
    shown = get_type_hints(ShownPullRequest)
    assert set(shown) == {name for name in changes if name == "pull" or name.startswith("pr_")}
    assert {name: kind | None for name, kind in shown.items()} == {
        name: changes[name] for name in shown
    }


def test_changes_of_an_attempt_are_fields_of_their_types():
    hints, changes = get_type_hints(Attempt), get_type_hints(AttemptChanges)
    assert changes == {name: hints[name] for name in changes}


def test_no_function_takes_changes_without_types():
    untyped = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "chalicelib").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.args.kwarg
        if node.args.kwarg.arg == "changes"
        if not ast.unparse(node.args.kwarg.annotation or ast.Name("")).startswith("Unpack[")
    ]
    assert untyped == []
