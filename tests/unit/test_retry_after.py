"""Waits that a server requests: any text is read without an error of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.retry_after import (
    MAX_RATE_LIMIT_DELAY,
    MAX_RETRY_DELAY,
    parse_retry_after,
    rate_limit_delay,
    retry_delay,
)

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DATE = "Mon, 04 May 2026 12:00:00 GMT"
NUMBERS = st.integers(0, 10**30).map(str) | st.just("9" * 5000)
TEXTS = st.text(max_size=200) | NUMBERS | st.datetimes().map(lambda at: f"{at:%a, %d %b %Y %X} GMT")
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "Date", "X-RateLimit-Reset", "x-ratelimit-requests-reset"]),
    TEXTS | st.just(DATE),
)


@pytest.mark.parametrize(
    "told, wait",
    [
        ("120", 120),
        (" 7 ", 7),
        ("Mon, 04 May 2026 12:01:00 GMT", 60),
        ("Mon, 04 May 2026 12:01:00", 60),
        ("Mon, 04 May 2026 11:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Mon, 04 May 2026 12:01:00 +99999999999999999", None),
        ("١٢", None),
        ("9" * 5000, 999_999_999),
    ],
)
def test_a_wait_is_told_in_seconds_or_by_a_date(told: str, wait: int | None):
    assert parse_retry_after(told, NOW) == (None if wait is None else timedelta(seconds=wait))


def test_a_date_is_read_by_the_clock_that_wrote_it_and_by_none_other():
    later = {"Retry-After": "Mon, 04 May 2026 12:01:00 GMT"}
    assert retry_delay(later) is None
    assert retry_delay({**later, "Date": DATE}) == timedelta(minutes=1)


@pytest.mark.parametrize("name", ["X-RateLimit-Reset", "x-ratelimit-requests-reset"])
@pytest.mark.parametrize("unit", [1, 1000])
def test_the_end_of_a_limit_is_told_in_seconds_or_milliseconds(name: str, unit: int):
    ends = {name: str(int(NOW.timestamp() + 90) * unit)}
    assert (
        rate_limit_delay(ends, NOW)
        == rate_limit_delay({**ends, "Date": DATE})
        == timedelta(seconds=90)
    )
    assert rate_limit_delay(ends) is None
    assert rate_limit_delay({**ends, "Retry-After": "5"}, NOW) == timedelta(seconds=5)


@given(HEADERS, st.sampled_from([NOW, None]))
def test_whatever_the_headers_say_a_wait_is_bounded(headers: dict[str, str], now: datetime | None):
    asked, limit = retry_delay(headers), rate_limit_delay(headers, now)
    assert asked is None or timedelta(0) <= asked <= MAX_RETRY_DELAY
    assert limit is None or timedelta(0) <= limit <= max(MAX_RETRY_DELAY, MAX_RATE_LIMIT_DELAY)
