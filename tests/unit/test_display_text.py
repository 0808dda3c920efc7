"""Text of others, made fit for one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.display_text import to_one_line


@pytest.mark.parametrize(
    "text, line",
    [
        ("Fix it\n\n<!-- x -->", "Fix it <!-- x -->"),
        ("a\0b\x1b[2Jc\x9b", "a b [2Jc"),
        ("invoice_\u202egpj.exe\u2066", "invoice_gpj.exe"),
        ("שלום \u200fعليكم 👩‍👩‍👧", "שלום \u200fعليكم 👩‍👩‍👧"),
        ("\n\0 \u202e", ""),
    ],
)
def test_a_line_is_one_and_steers_nothing(text: str, line: str):
    assert to_one_line(text) == line


@given(st.text())
def test_a_line_stays_as_it_is(text: str):
    line = to_one_line(text)
    assert to_one_line(line) == line
    assert len(line.splitlines()) <= 1
