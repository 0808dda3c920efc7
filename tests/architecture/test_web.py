"""Rules of `chalicelib/web` that no type checker or linter holds."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import chalicelib
from chalicelib.domain import errors
from chalicelib.domain.errors import DomainError
from chalicelib.web.http.errors import STATUS_OF_ERROR
from infra.dev.emulator import ROOT

WEB = ROOT / "chalicelib" / "web"
USABLE = {"now", "policy"}
"""Parts of the world that every module of the web may use."""
ALSO_USABLE = {
    "api/hooks.py": {"metrics"},
    "pages/resubmit.py": {"encryption"},
    "pages/session.py": {"encryption"},
    "schemas/requests/fields.py": {"expressions"},
}
"""Modules that use a part for HTTP itself: cookies, kept forms, floods, the checks of fields."""


def iter_subclasses(kind: type) -> Iterator[type]:
    """Yield all classes of the service that derive from `kind`."""
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("chalicelib."):
            yield inner
        yield from iter_subclasses(inner)


def is_world(node: ast.AST, names: set[str]) -> bool:
    """Return whether an expression is the world: a call of `get_world`, or a name bound to it."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        return name == "get_world"
    return isinstance(node, ast.Name) and node.id in names


def iter_bindings(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each assigned name with its value, also those of tuples."""
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            assert isinstance(node, ast.Assign)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=True)
            else:
                yield target, node.value


def used_parts(source: str) -> set[str]:
    """Return the parts of the world that a module uses, whatever name it gives to the world."""
    tree = ast.parse(source)
    names = {"world"}
    names |= {
        ast.unparse(target) for target, value in iter_bindings(tree) if is_world(value, set())
    }
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_world(node.value, names)
    }


def test_only_queries_and_actions_use_the_stores():
    used = {
        str(path.relative_to(WEB)): used_parts(path.read_text()) - USABLE
        for path in WEB.rglob("*.py")
        if path.parent.name != "queries"
    }
    wrong = {name: parts for name, parts in used.items() if parts - ALSO_USABLE.get(name, set())}
    assert wrong == {}, "read through chalicelib/web/queries, write through chalicelib/actions"


def test_request_models_and_mappers_read_nothing():
    for folder in ("schemas", "mapping"):
        for path in (WEB / folder).rglob("*.py"):
            source = path.read_text()
            assert used_parts(source) <= {"now", "expressions"}, path
            assert not re.search(r"read_references|chalicelib\.ports|seal_trigger", source), path


def test_queries_only_read():
    writes = re.compile(r"\.(add|put|remove|save_\w+|note_use|commit_\w+|record_\w+|hold_\w+)\(")
    for path in (WEB / "queries").glob("*.py"):
        assert writes.findall(path.read_text()) == [], path


@pytest.mark.parametrize(
    "source",
    [
        "wiring.get_world().runs.get(x)",
        "w = wiring.get_world()\nw.runs",
        "a, w = 1, get.get_world()\nw.runs",
    ],
)
def test_a_store_is_found_by_any_name(source: str):
    assert used_parts(source) == {"runs"}


PAGE_SOURCES = sorted(
    file
    for folder in ("templates", "static")
    for file in (WEB / folder).iterdir()
    if file.suffix in {".html", ".css", ".js"} and file.name != "htmx.min.js"
)
"""Our own templates, styles and scripts."""


@pytest.mark.parametrize("file", PAGE_SOURCES, ids=lambda file: file.name)
def test_no_line_of_a_page_is_over_120_columns(file: Path):
    lines = file.read_text().splitlines()
    assert [line for line in lines if len(line) > 120] == []


@pytest.fixture(scope="module")
def error_classes() -> list[type]:
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return list(iter_subclasses(DomainError))


def test_every_error_of_the_domain_has_a_status(error_classes: list[type]):
    assert len(error_classes) >= 13
    lacking = {kind.__name__ for kind in error_classes if not {*kind.__mro__} & {*STATUS_OF_ERROR}}
    assert lacking == set(), "add these classes to STATUS_OF_ERROR in chalicelib/web/http/errors.py"
    assert set(STATUS_OF_ERROR) <= set(error_classes)


def test_the_tree_of_errors_names_every_error_of_the_core(error_classes: list[type]):
    core = [kind for kind in error_classes if not kind.__module__.startswith("chalicelib.web")]
    assert [kind.__name__ for kind in core if f"- {kind.__name__} " not in errors.__doc__] == []
