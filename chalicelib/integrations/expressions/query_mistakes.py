"""Finds texts in double quotes in a JMESPath, where they name a field instead of a text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jmespath.lexer import Lexer

TAKES_FIELDS = ("merge", "not_null")
"""Functions whose every argument is usually a field, quoted or not."""
TAKES_TEXT_FIRST = ("join",)
"""Functions whose first argument is usually a text. It is the others' subject, so a field."""


def find_quoted_operands(query: str, parsed: Any) -> list[str]:
    """Return the quoted names that a parsed `query` compares with or passes as a text.

    `"content-type" == 'x'` is not among them: a quoted name beside a literal is meant as a field.
    """
    quoted, plain = set(), set()
    for token in Lexer().tokenize(query):
        if token["type"] == "quoted_identifier":
            quoted.add(token["value"])
        elif token["type"] == "unquoted_identifier":
            plain.add(token["value"])
    suspects = quoted - plain
    names = (node["value"] for node in _operands(parsed) if node["type"] == "field")
    return list(dict.fromkeys(name for name in names if name in suspects))


def _operands(node: Any) -> Iterator[Any]:
    """Yield the nodes that stand where most queries have a text."""
    children = node["children"]
    if node["type"] == "comparator":
        left, right = children
        if left["type"] != "literal":
            yield right
    elif node["type"] == "function_expression" and node["value"] not in TAKES_FIELDS:
        yield from children if node["value"] in TAKES_TEXT_FIRST else children[1:]
    for child in children:
        if isinstance(child, dict):
            yield from _operands(child)
