"""Parts of conflicts are members of one enum, and stores declare those that they may lose."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from chalicelib.ports import LostRow, Part, WriteConflict, stores
from chalicelib.ports.conflicts import declared_parts
from infra.dev.emulator import ROOT
from tests.support.declared_conflicts import DeclaredStore, UndeclaredConflict

NAMING_CALLS = {"Write", "LostRow", "add_put", "add_check", "add_update", "add_delete"}
"""The calls whose first argument is a part."""


def texts_in(node: ast.AST) -> list[str]:
    constants = (each for each in ast.walk(node) if isinstance(each, ast.Constant))
    return [each.value for each in constants if isinstance(each.value, str)]


def reads_parts(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == "parts" for each in ast.walk(node))


def named_parts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that name a part: compared with those of a conflict, or written as one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in NAMING_CALLS:
                yield from texts_in(node.args[0])
        elif isinstance(node, ast.Compare | ast.BinOp) and reads_parts(node):
            values = {part.value for part in Part}
            yield from (text for text in texts_in(node) if text in values)


def test_no_text_names_a_part_of_a_conflict():
    named = {
        f"{path.relative_to(ROOT)}: {text}"
        for package in ("chalicelib", "tests")
        for path in (ROOT / package).rglob("*.py")
        for text in named_parts(ast.parse(path.read_text()))
    }
    assert named == set()


@pytest.mark.parametrize(
    "line", ['"run" in taken.parts', 'Write("run", "runs")', 'taken.parts & {"claim"}']
)
def test_a_text_that_names_a_part_is_found(line: str):
    assert list(named_parts(ast.parse(line)))


def test_a_text_never_equals_a_part():
    conflict = WriteConflict([LostRow(Part.RUN, "r")])
    assert {Part.RUN.value}.isdisjoint(conflict.parts)
    assert conflict.keys_of(Part.RUN) == {"r"}


def test_a_conflict_that_is_not_declared_is_seen():
    class Lossy:
        def move_run(self) -> None:
            raise WriteConflict([LostRow(Part.RUN, "r"), LostRow(Part.COUNTER, "stage")])

    assert declared_parts(stores.RunSets, "move_run") == {Part.RUN}
    with pytest.raises(UndeclaredConflict, match="move_run lost"):
        DeclaredStore(Lossy(), "run_sets").move_run()
