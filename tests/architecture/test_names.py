"""Names: verbs have an object, no two classes share a name, packages stay small."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source_files import ROOT, sources

MAX_ONE_WORD_SHARE = 0.14
"""The share of public functions and methods whose name is one word. Lower it when it falls."""
MAX_MODULES = 16
RESOURCES = {"chalicelib/web/api", "chalicelib/web/pages", "chalicelib/web/pages/contexts"}
"""Packages in which a module is a resource."""
VAGUE_NAMES = frozenset(
    ("one", "found", "asked", "kept", "said", "made", "told", "known", "given", "thing")
)
"""Names that do not show which value they hold."""
MAX_VAGUE_NAMES = 37
"""The number of their uses: stored fields, and the JSON of a command. Lower it when it falls."""


def list_statements(*packages: str, in_classes: bool) -> Iterator[ast.stmt]:
    """Yield the statements of modules, and those of classes where wanted."""
    for path in sources(*packages):
        for scope in ast.walk(ast.parse(path.read_text())):
            if isinstance(scope, ast.Module) or (in_classes and isinstance(scope, ast.ClassDef)):
                yield from scope.body


def list_identifiers(path: Path) -> Iterator[str]:
    """Yield the names of variables, parameters, attributes and keyword arguments of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        for field in ("id", "arg", "attr", "name", "asname", "rest"):
            identifier = getattr(node, field, None)
            if isinstance(identifier, str):
                yield identifier


def test_few_functions_have_a_name_of_one_word():
    statements = list_statements("chalicelib", "optio_cli", in_classes=True)
    functions = (each for each in statements if isinstance(each, ast.FunctionDef))
    names = [each.name for each in functions if not each.name.startswith("_")]
    one_word = [name for name in names if "_" not in name]
    assert len(names) > 1000
    assert len(one_word) / len(names) <= MAX_ONE_WORD_SHARE, Counter(one_word).most_common(10)


def test_few_values_have_a_vague_name():
    paths = sources("chalicelib", "optio_cli", "infra")
    identifiers = (name for path in paths for name in list_identifiers(path))
    counts = Counter(name for name in identifiers if name in VAGUE_NAMES)
    assert counts.total() <= MAX_VAGUE_NAMES, counts


def test_no_two_classes_share_a_name():
    statements = list_statements("chalicelib", in_classes=False)
    classes = (each for each in statements if isinstance(each, ast.ClassDef))
    counts = Counter(each.name for each in classes if not each.name.startswith("_"))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("package", ["chalicelib", "optio_cli", "infra"])
def test_no_package_holds_more_modules_than_a_reader_can_see(package: str):
    counts = Counter(path.parent for path in sources(package) if path.name != "__init__.py")
    large = {
        str(folder.relative_to(ROOT)): count
        for folder, count in counts.items()
        if count > MAX_MODULES
    }
    assert set(large) <= RESOURCES, large


@pytest.mark.parametrize("package", ["chalicelib", "optio_cli"])
def test_each_package_states_what_belongs_to_it(package: str):
    silent = [
        str(path.parent.relative_to(ROOT))
        for path in sources(package)
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_no_test_module_imports_another():
    """Helpers of several test modules are in `tests/support`."""
    importing = [
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in sources("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and re.fullmatch(r"tests\.\w+\.test_\w+", node.module or "")
    ]
    assert importing == []
