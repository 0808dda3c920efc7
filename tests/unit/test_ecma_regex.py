"""Which patterns a schema may have, and that they mean what they mean in JavaScript."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.integrations.expressions.ecma_regex import matches_pattern
from chalicelib.integrations.expressions.engine import ExpressionEngine

ENGINE = ExpressionEngine()
PIECES = [r"\w", r"\W", r"\d", r"\D", r"\\w", r"\[", r"\]", r"\s", "a", "-", "é", "&&", "~~", "."]
CLASSES = st.lists(st.sampled_from([*PIECES[:-1], "[", "[^", "^"]), min_size=1, max_size=4).map(
    lambda parts: f"[{''.join(parts)}]"
)
PATTERNS = st.lists(st.sampled_from(PIECES) | CLASSES, max_size=5).map("".join)


@pytest.mark.filterwarnings("ignore:Possible (nested set|set)")
@given(pattern=PATTERNS, text=st.text(alphabet="aé_w1 -&~[]^\\", max_size=8))
@example(pattern=r"[\w-.]", text="-")
@example(pattern="[[]", text="[")
@example(pattern="[a&&b]", text="&")
def test_a_pattern_means_what_it_means_elsewhere(pattern: str, text: str):
    assume(not re.search(r"\[\^?\]", pattern))  # Python takes that bracket for a character
    try:
        wanted = re.search(pattern, text, re.ASCII)
    except re.error:
        return
    assert matches_pattern(pattern, text) == bool(wanted)


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("^[^]$", "]", True),
        ("^[^]$", "\n", True),
        ("a[]", "a]", False),
        (r"^[^][\w]$", "]a", True),
        (r"^[^][\w]$", "]-", False),
        ("^[a[]$", "[", True),
        ("^[a[^]$", "^", True),
    ],
)
def test_empty_classes_mean_what_they_mean_in_javascript(pattern: str, text: str, holds: bool):
    assert matches_pattern(pattern, text) is holds


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\w{1,255}$", "a_1"),
        (r"^[\w.-]{1,255}$", "a-b.c"),
        (r"^[\w-.]+$", "a-b.c"),
        (r"^\p{L}+$", "é"),
        (r"^(?<year>\d{4})-\d{2}$", "2026-11"),
        (r"^https:\/\/[^\s/]+\/", "https://example.com/x"),
        (r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "ann@example.com"),
        (r"^#[\da-fA-F]{6}$", "#00ff7F"),
        (r"^.{1,2000}$", "é"),
    ],
)
def test_common_patterns_are_taken(pattern: str, text: str):
    schema = {"properties": {"x": {"type": "string", "pattern": pattern}}}
    ENGINE.check_schema(schema)
    assert ENGINE.find_violations(schema, {"x": text}) == []
    assert ENGINE.find_violations(schema, {"x": ""})


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("^(?=.*[A-Z])", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(a)\1", "backreferences are not supported"),
        (r"^\p{L}{1,2000}$", "it counts too far; minLength and maxLength count any characters"),
        ("(", "unclosed group"),
    ],
)
def test_a_pattern_that_is_refused_says_why(pattern: str, reason: str):
    for schema in ({"pattern": pattern}, {"patternProperties": {pattern: {}}}):
        with pytest.raises(Invalid) as refused:
            ENGINE.check_schema({"properties": {"x": schema}})
        assert refused.value.message == f"the pattern {pattern!r} cannot be used: {reason}"
