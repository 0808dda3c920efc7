"""The actions assert nothing: types and early returns handle missing values."""

from __future__ import annotations

import ast

from infra.dev.emulator import ROOT


def test_no_action_asserts():
    asserts = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "chalicelib" / "actions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
    ]
    assert asserts == []
