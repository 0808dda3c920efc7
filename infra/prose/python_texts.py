"""Passages of a Python source: its docstrings, and the messages that users read."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

from infra.prose.passages import SKIPPED, Kind, Passage, blank_out_code, markdown_passages

MESSAGE_ARGUMENTS = frozenset({"help", "message", "notes", "reason", "summary", "description"})
_ARGUMENT = re.compile(rf"\b(?:{'|'.join(sorted(MESSAGE_ARGUMENTS))})=f?[\"(]")
_HAS_WORDS = re.compile(r"[A-Za-z]+ [A-Za-z]+")


def python_passages(text: str) -> Iterator[Passage]:
    """Yield the passages of a source: docstrings and raised messages, then arguments."""
    tree = ast.parse(text)
    module_docstring = tree.body[0] if tree.body else None
    for node in _statements(tree):
        if isinstance(node, ast.Expr) and _is_text(node.value):
            kind = Kind.MODULE if node is module_docstring else Kind.DOCSTRING
            docstring = inspect.cleandoc(ast.literal_eval(node.value))
            yield from markdown_passages(docstring, kind, node.lineno)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from _messages(node.exc.args)
    if _ARGUMENT.search(text):  # a walk through all expressions is the slowest part
        for inner in ast.walk(tree):
            if isinstance(inner, ast.keyword) and inner.arg in MESSAGE_ARGUMENTS:
                yield from _messages([inner.value])


def _statements(parent: ast.AST) -> Iterator[ast.stmt]:
    """Yield all statements below a node, but no expressions."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(parent, name, ()):
            if isinstance(child, ast.stmt):
                yield child
            yield from _statements(child)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _messages(values: list[ast.expr]) -> Iterator[Passage]:
    for value in values:
        text = _literal(value)
        if _HAS_WORDS.search(text):
            yield Passage(value.lineno, Kind.MESSAGE, blank_out_code(text))


def _literal(node: ast.expr) -> str:
    """Return the text of a literal, each expression inside it skipped."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) for part in node.values)
    return SKIPPED if isinstance(node, ast.FormattedValue) else ""
