"""The wait of a run before its next attempt, and the effect of a limit's end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.retry import FIRST, LONGEST, LONGEST_LIMIT, backoff
from chalicelib.integrations.agents.resets import reset_of
from tests.conftest import NOON
from tests.unit.test_prompt import RUN


@given(st.integers(0, 40), st.uuids())
def test_the_wait_doubles_up_to_half_an_hour_with_a_quarter_of_jitter(
    count: int, run_id: uuid.UUID
):
    run = replace(RUN, id=str(run_id), retry_count=count)
    least = min(LONGEST, FIRST * 2 ** min(count, 20))

    assert least <= backoff(run, NOON) <= least * 1.25
    assert backoff(run, NOON) == backoff(run, NOON)


def test_runs_that_fail_together_do_not_come_back_together():
    runs = [replace(RUN, id=str(uuid.UUID(int=number))) for number in range(50)]

    assert len({backoff(run, NOON) for run in runs}) > 40


@given(st.integers(60, 8 * 86400))
def test_no_try_comes_before_a_limit_ends(seconds: int):
    limit = timedelta(seconds=seconds)

    assert limit <= backoff(RUN, NOON, NOON + limit) <= limit + FIRST


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(timedelta(hours=-1), id="in the past"),
        pytest.param(timedelta(seconds=1), id="sooner than the backoff"),
        pytest.param(LONGEST_LIMIT + timedelta(seconds=1), id="too far away to be true"),
    ],
)
def test_some_ends_change_nothing(limit: timedelta):
    assert backoff(RUN, NOON, NOON + limit) == backoff(RUN, NOON)


@pytest.mark.parametrize(
    "text, wait",
    [
        ("Please try again in 6m0s.", timedelta(minutes=6)),
        ("Rate limit reached. Please try again in 1.898s", timedelta(seconds=1.898)),
        ("Please try again in 250ms", timedelta(milliseconds=250)),
        ("Your quota will reset after 3h12m5s.", timedelta(hours=3, minutes=12, seconds=5)),
        ('"retryDelay": "34s"', timedelta(seconds=34)),
        ("Please retry in 34.07s", timedelta(seconds=34.07)),
        ("retry-after: 120", timedelta(seconds=120)),
        ("Try again in 5 days 3 hours 12 minutes", timedelta(days=5, hours=3, minutes=12)),
        ("usage limit reached|1777903200", timedelta(hours=2)),
        ("You've hit your limit · resets 3pm (UTC)", timedelta(hours=3)),
        ("limit reached ∙ resets 9:30am (America/New_York)", timedelta(hours=1, minutes=30)),
        ("resets 11am", timedelta(hours=23)),
        ("quota resets at 2026-05-04T12:45:00Z", timedelta(minutes=45)),
    ],
)
def test_the_end_of_a_limit_is_read_from_what_programs_say(text: str, wait: timedelta):
    assert reset_of(text, datetime(2026, 5, 4, 12, tzinfo=UTC)) == NOON + wait


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exceeded retry limit, last status: 429 Too Many Requests",
        "This request would exceed your rate limit.",
        "limit reached|1000000000",
        "resets 3pm (Middle/Earth)",
        "resets at 9999-99-99T00:00:00Z",
        "try again in 99999999999999999999999 days",
    ],
)
def test_a_message_without_an_end_has_none(text: str):
    assert reset_of(text, NOON) is None


@given(st.text())
def test_no_text_breaks_the_reading(text: str):
    for prefix in ("try again in ", "resets ", "limit reached|"):
        reset_of(prefix + text, NOON)
