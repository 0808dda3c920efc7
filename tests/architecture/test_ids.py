"""Ids of runs, blueprints, triggers and firings have types of their own in the core."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.emulator import ROOT
from tests.support.source_files import sources

CORE = ("domain", "ports", "actions", "storage", "pipeline", "web/queries")
TYPES = {
    "run_id": "RunId",
    "blueprint_id": "BlueprintId",
    "trigger_id": "TriggerId",
    "firing_id": "FiringId",
}
TYPES |= {f"{name}s": kind for name, kind in TYPES.items()}
"""The names of parameters and fields, each with the type that its annotation contains."""


def untyped_ids(tree: ast.AST) -> Iterator[str]:
    """Yield the parameters and fields whose annotation has not the type of their id."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                pass
            case _:
                continue
        if name in TYPES and TYPES[name] not in ast.unparse(annotation):
            yield f"{name}: {ast.unparse(annotation)}"


@pytest.mark.parametrize("room", CORE)
def test_ids_are_not_just_texts(room: str):
    paths: list[Path] = list(sources(f"chalicelib/{room}"))
    found = [
        f"{path.relative_to(ROOT)}: {each}"
        for path in paths
        for each in untyped_ids(ast.parse(path.read_text()))
    ]
    assert paths
    assert found == []


@pytest.mark.parametrize("line", ["def f(run_id: str): ...", "trigger_ids: tuple[str, ...]"])
def test_an_id_of_the_type_text_is_found(line: str):
    assert list(untyped_ids(ast.parse(line)))
