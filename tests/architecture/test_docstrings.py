"""Docstrings: each name in backticks exists, in the docstring's own part of the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.dev.emulator import ROOT

PACKAGE = ROOT / "chalicelib"
FOREIGN = {"app.py", "requirements.txt", "pyproject.toml"}
FOREIGN |= {"Date", "NaN", "LazyLoader", "shlex", "os.execvpe", "sudo"}
"""Names of files, programs and standards that docstrings mention and no module uses."""
_QUOTED_NAME = re.compile(r"(?<!`)`([A-Za-z_][\w.]*)(?:\(.*?\))?`(?!`)")


def docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for child in body if isinstance(body, list) else ():
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                yield child.value


def list_names(tree: ast.AST) -> Iterator[str]:
    """Yield all names that a module uses, and the words of its strings."""
    prose = {id(docstring) for docstring in docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from re.findall(r"\w+", node.value)
        for field in ("id", "attr", "arg", "name", "asname"):
            if isinstance(name := getattr(node, field, None), str):
                yield from name.split(".")


@cache
def names_of(part: Path) -> frozenset[str]:
    names = {path.stem for path in PACKAGE.rglob("*")}
    for path in part.rglob("*.py"):
        names.update(list_names(ast.parse(path.read_text())))
    return frozenset(names)


def known_names(path: Path) -> frozenset[str]:
    """Return the names of the runner and what it imports, or of the service without the runner."""
    room = path.relative_to(PACKAGE).parts[0]
    if room == "runner":
        rooms = ["runner", "domain", "integrations/agents"]
    else:
        rooms = [each.name for each in PACKAGE.iterdir() if each.name != "runner"]
    parts = [names_of(PACKAGE / each) for each in rooms]
    return frozenset().union(*parts, names_of_modules())


@cache
def names_of_modules() -> frozenset[str]:
    modules = (ast.parse(path.read_text()) for path in PACKAGE.glob("*.py"))
    return frozenset(name for module in modules for name in list_names(module))


def test_docstrings_name_what_exists():
    unknown = [
        f"{path.relative_to(ROOT)}:{docstring.lineno}: {name}"
        for path in PACKAGE.rglob("*.py")
        for docstring in docstrings(ast.parse(path.read_text()))
        for name in _QUOTED_NAME.findall(str(docstring.value))
        if name not in FOREIGN and not known_names(path).issuperset(name.split("."))
    ]
    assert unknown == []


def test_protocols_of_stores_name_their_own_methods():
    unknown = []
    for path in (PACKAGE / "ports" / "stores").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                names = set(list_names(node))
                named = _QUOTED_NAME.findall(ast.get_docstring(node) or "")
                methods = [name for name in named if name.islower()]
                unknown += [f"{node.name}: {name}" for name in methods if name not in names]
    assert unknown == []


def list_protocols() -> Iterator[tuple[Path, ast.ClassDef]]:
    for path in (PACKAGE / "ports").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
                yield path, node


def is_port_of_the_world(protocol: ast.ClassDef, method: ast.FunctionDef) -> bool:
    """Return whether a property of the world is a port, which its own protocol describes."""
    return protocol.name == "World" and bool(method.decorator_list)


def test_each_method_of_a_protocol_states_its_contract():
    methods = [
        (protocol, method)
        for _, protocol in list_protocols()
        for method in protocol.body
        if isinstance(method, ast.FunctionDef) and not is_port_of_the_world(protocol, method)
    ]
    assert len(methods) > 100
    silent = [
        f"{protocol.name}.{method.name}"
        for protocol, method in methods
        if not ast.get_docstring(method)
    ]
    assert silent == []


def test_each_part_that_a_method_may_lose_is_named_in_its_contract():
    """A store's method with `may_lose` states when it loses what."""
    unstated = [
        f"{path.stem}: {protocol.name}.{method.name}"
        for path, protocol in list_protocols()
        for method in protocol.body
        if isinstance(method, ast.FunctionDef)
        and any("may_lose" in ast.unparse(each) for each in method.decorator_list)
        and "Loses" not in (ast.get_docstring(method) or "")
    ]
    assert unstated == []
