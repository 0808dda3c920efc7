"""Each store maps its objects to rows in functions of one name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from infra.dev.emulator import ROOT

STORES = ROOT / "chalicelib" / "storage"
MAPPERS = ("to_record", "_record")
PARTS_OF_ROWS = {"_dump_history"}
"""The functions that write one attribute of a row for a mapper."""


def dumping_functions() -> Iterator[str]:
    """Yield the functions of stores that write an object as JSON into a row."""
    for path in STORES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and "codec.dump_json(" in ast.unparse(node):
                yield node.name


def test_rows_are_made_by_functions_of_one_name():
    names = set(dumping_functions())
    assert len(names) > 3
    assert {name for name in names - PARTS_OF_ROWS if not name.endswith(MAPPERS)} == set()
