"""Texts in double quotes are found in a JMESPath, and fields that need quotes are left alone."""

from __future__ import annotations

import pytest

from chalicelib.integrations.expressions.engine import ExpressionEngine


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('x == "error"', ["error"]),
        ('"error" != level', []),
        ('x != "a" && y > "b"', ["a", "b"]),
        ('items[?name=="bug"].id', ["bug"]),
        ('labels[?contains(@, "bug")]', ["bug"]),
        ('starts_with(ref, "refs/heads/")', ["refs/heads/"]),
        ('join(", ", labels)', [", "]),
        ('{"a-b": x == "err"}', ["err"]),
        ('!(x == "error")', ["error"]),
        ("x == 'error'", []),
        ('x == "error', []),
        ("\"content-type\" == 'x'", []),
        ("'x' == \"content-type\"", []),
        ('headers."content-type" == other', []),
        ('not_null("a-b", "c-d")', []),
        ('sort_by(items, &"a-b")', []),
        ('base == error && "error" == x', []),
        ("base.ref == head.ref", []),
        ('x == `"error"`', []),
    ],
)
def test_a_quoted_name_is_a_mistake_where_a_text_is_expected(query: str, names: list[str]):
    assert ExpressionEngine().quoted_operands(query) == names
