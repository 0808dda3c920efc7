"""Filters and schemas end soon, whatever they are held against."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import MAX_QUERY_LENGTH, MAX_SCHEMA_SECONDS
from chalicelib.integrations.expressions.engine import ExpressionEngine

DEEP: list[Any] = [[[number] * 50 for number in range(1000)]]
MANY = "[" + ",".join(["@"] * 50) + "] | [*].[" + ",".join(["@"] * 50) + "][]"
"""2,500 times the same value, by few characters."""


@pytest.mark.parametrize(
    "rest", ["[?a == b]", "[?a != b]", "[?contains(c, b)]", "[*].length(to_string(a))"]
)
def test_a_query_pays_for_the_whole_depth_of_what_it_compares(rest: str):
    engine = ExpressionEngine()
    query = f"{MANY} | {rest} | length(@)"
    assert len(query) <= MAX_QUERY_LENGTH
    payload = {"a": DEEP, "b": json.loads(json.dumps(DEEP)), "c": [DEEP]}
    small = {"a": [[1]], "b": [[1]], "c": [[[1]]]}
    assert engine.evaluate_query(query, small) in (0, 2500)
    with pytest.raises(Invalid, match="steps"):
        engine.evaluate_query(query, payload)


def test_values_are_compared_as_before():
    engine = ExpressionEngine()
    for left, right in (([1, {"a": [2]}], [1, {"a": [2]}]), ({"a": 1}, {"a": 2}), ([], {}), (1, 1)):
        payload = {"a": left, "b": right, "c": [left, [right]]}
        assert engine.evaluate_query("a == b", payload) is (left == right)
        assert engine.evaluate_query("a != b", payload) is (left != right)
        assert engine.evaluate_query("contains(c, a)", payload) is True
        assert engine.evaluate_query("contains(c, b)", payload) is (right in [left, [right]])
    assert engine.evaluate_query("a == `true`", {"a": 1}) is False
    assert engine.evaluate_query("a < b", {"a": 1, "b": 2}) is True
    assert engine.evaluate_query("a < b", {"a": [1], "b": [2]}) is None


def references(*kinds: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose parts refer to one another many times."""
    parts = {
        "a": {"anyOf": [{"$ref": "#/$defs/b"}] * 40},
        "b": {"anyOf": [{"$ref": "#/$defs/c"}] * 40},
        "c": {"anyOf": list(kinds) * 40},
    }
    return {"$defs": parts, "properties": {"x": {"$ref": "#/$defs/a"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (references({"type": "null"}), "a" * 6900),
        (
            {"properties": {"x": {"allOf": [{"not": {"uniqueItems": True}}] * 900}}},
            [[[number] * 50] for number in range(200)],
        ),
        (references({"const": 1}), ["a" * 30] * 200),
        (references({"uniqueItems": True, "type": "null"}), [[number] for number in range(1500)]),
    ],
)
def test_a_check_against_a_schema_ends_after_a_second(schema: dict[str, Any], value: object):
    engine = ExpressionEngine()
    engine.check_schema(schema)
    begun = time.thread_time()
    faults = engine.find_violations(schema, {"x": value})
    assert time.thread_time() - begun < 2.5 * MAX_SCHEMA_SECONDS
    assert faults
