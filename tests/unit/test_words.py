"""Cron in words: right where people look, and never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.words import cron_words


@pytest.mark.parametrize(
    "expression, words",
    [
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/7 * * * *", "Every 7 minutes, counted from the full hour"),
        ("0 * * * *", "On the hour, every hour"),
        ("5 */2 * * *", "At minute 5, every 2 hours"),
        ("0 9 * * 1-5", "At 09:00, Monday to Friday"),
        ("0,30 9,17 * * *", "At 09:00, 09:30, 17:00 and 17:30"),
        ("0 0 1 * *", "At 00:00, on the 1st of the month"),
        (
            "0 0 1,15 * mon",
            "At 00:00, on the 1st and 15th of the month or on Monday, either counts",
        ),
        ("0 3 * jan,jul 0", "At 03:00, on Sunday, in January and July"),
        ("0-30/10 * * * *", "At minute every 10th minute from 0 to 30, every hour"),
        ("* 9-17 * * *", "Every minute, in the hours 09 to 17"),
        ("0 9 */2 * *", "At 09:00, every 2nd day counted from the 1st"),
        ("0 9 11,12,22 * *", "At 09:00, on the 11th, 12th and 22nd of the month"),
    ],
)
def test_usual_expressions_read_as_people_say_them(expression: str, words: str):
    assert cron_words(expression) == words


def test_what_is_no_expression_says_why():
    with pytest.raises(Invalid, match="is not a minute"):
        cron_words("61 * * * *")


ITEM = st.sampled_from(["*", "*/2", "1", "2-4", "1,3", "1-5/2", "3/4"])


@given(st.tuples(ITEM, ITEM, ITEM, ITEM, ITEM))
def test_every_expression_has_words(fields: tuple[str, ...]):
    said = cron_words(" ".join(fields))
    assert said[0].isupper()
    assert "None" not in said
