"""The wait of a run before its next attempt, and the effect of a limit's end."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.runs.retry import FIRST_DELAY, MAX_DELAY, MAX_RATE_LIMIT_DELAY, retry_backoff
from chalicelib.integrations.agents.rate_limit_resets import parse_reset_time
from tests.conftest import NOON
from tests.support.sample_run import RUN


@given(st.integers(0, 40), st.uuids())
def test_the_wait_doubles_up_to_half_an_hour_with_a_quarter_of_jitter(
    count: int, run_id: uuid.UUID
):
    run = replace(RUN, id=str(run_id), retry_count=count)
    least = min(MAX_DELAY, FIRST_DELAY * 2 ** min(count, 20))

    assert least <= retry_backoff(run, NOON) <= least * 1.25
    assert retry_backoff(run, NOON) == retry_backoff(run, NOON)


def test_runs_that_fail_together_do_not_come_back_together():
    runs = [replace(RUN, id=str(uuid.UUID(int=number))) for number in range(50)]

    assert len({retry_backoff(run, NOON) for run in runs}) > 40


@given(st.integers(60, 8 * 86400))
def test_no_try_comes_before_a_limit_ends(seconds: int):
    limit = timedelta(seconds=seconds)

    assert limit <= retry_backoff(RUN, NOON, NOON + limit) <= limit + FIRST_DELAY


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(timedelta(hours=-1), id="in the past"),
        pytest.param(timedelta(seconds=1), id="sooner than the backoff"),
        pytest.param(MAX_RATE_LIMIT_DELAY + timedelta(seconds=1), id="too far away to be true"),
    ],
)
def test_some_ends_change_nothing(limit: timedelta):
    assert retry_backoff(RUN, NOON, NOON + limit) == retry_backoff(RUN, NOON)


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
    assert parse_reset_time(text, datetime(2026, 5, 4, 12, tzinfo=UTC)) == NOON + wait


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
    assert parse_reset_time(text, NOON) is None


@given(st.text())
def test_no_text_breaks_the_reading(text: str):
    for prefix in ("try again in ", "resets ", "limit reached|"):
        parse_reset_time(prefix + text, NOON)
