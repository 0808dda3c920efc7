"""Attempts to sign in are limited, for each source and in all, and cost the same right or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.actions.access import login_limit
from chalicelib.domain.access.audit import RequestOrigin
from chalicelib.domain.access.login_limit import (
    LIMIT_OF_ALL_SOURCES,
    LIMIT_PER_SOURCE,
    LoginLimit,
    client_network,
)
from chalicelib.storage.records import ActivityRecord, CounterRecord
from chalicelib.web.http import audit
from tests.conftest import TOKEN, Stage
from tests.support.browser import Answer, Browser
from tests.support.call_counts import counted, requests

WRONG = "optio_pat_wrong"


@contextmanager
def coming_from(source: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "origin_of", lambda request: RequestOrigin(source=source))
        yield


def tried(stage: Stage, key: str, source: str = "203.0.113.7") -> Answer:
    with coming_from(source):
        return Browser(stage).post("/login", key=key)


def test_who_tried_too_often_waits_and_then_the_right_key_works(stage: Stage):
    stage.now += timedelta(seconds=100)
    for _ in range(LIMIT_PER_SOURCE.max_attempts):
        assert tried(stage, WRONG).status == 401

    refused = tried(stage, TOKEN)
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "200"
    assert "try again in 200 s" in refused.text
    assert "Set-Cookie" not in refused.headers

    stage.now += timedelta(seconds=199)
    assert tried(stage, TOKEN).status == 429
    stage.now += timedelta(seconds=1)
    assert tried(stage, TOKEN).status == 303


def test_one_source_does_not_shut_out_another(stage: Stage):
    for _ in range(LIMIT_PER_SOURCE.max_attempts + 5):
        tried(stage, WRONG)
    assert tried(stage, TOKEN, source="203.0.113.8").status == 303
    assert tried(stage, WRONG, source="203.0.113.8").status == 401


def test_a_whole_office_signs_in_from_one_address(stage: Stage):
    for _ in range(3 * LIMIT_PER_SOURCE.max_attempts):
        assert tried(stage, TOKEN).status == 303
    for _ in range(LIMIT_PER_SOURCE.max_attempts):
        assert tried(stage, WRONG).status == 401
    assert tried(stage, TOKEN).status == 429


def test_many_sources_together_cannot_keep_a_right_key_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        login_limit, "LIMIT_OF_ALL_SOURCES", LoginLimit(max_attempts=25, span=timedelta(minutes=1))
    )
    path = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    for _ in range(60):
        tried(stage, WRONG)  # of these, only ten count for all
    for number in range(15):
        assert tried(stage, WRONG, source=f"198.51.100.{number}").status == 401
    recorded = len(list(ActivityRecord.scan()))
    for number in range(15, 40):
        refused = tried(stage, WRONG, source=f"198.51.100.{number}")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "60")
    assert len(list(ActivityRecord.scan())) == recorded

    for number in range(30):
        assert tried(stage, TOKEN, source=f"192.0.2.{number}").status == 303
    with coming_from("203.0.113.99"):
        assert Browser(stage).use_link(path).status == 303

    assert tried(stage, WRONG, source="198.51.100.99").status == 429  # none of them gave one free
    stage.now += timedelta(minutes=1)
    assert tried(stage, WRONG, source="198.51.100.99").status == 401


def test_a_link_that_signs_in_counts_as_an_attempt(stage: Stage):
    for _ in range(LIMIT_PER_SOURCE.max_attempts):
        with coming_from("203.0.113.7"):
            assert Browser(stage).use_link("/login?once=guessed").status == 401
    path = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    with coming_from("203.0.113.7"):
        assert Browser(stage).use_link(path).status == 429
    with coming_from("203.0.113.8"):
        assert Browser(stage).use_link(path).status == 303


def test_an_attempt_costs_the_same_right_or_wrong_and_a_refused_one_a_single_write(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    tried(stage, TOKEN)
    with counted(monkeypatch) as calls:
        tried(stage, WRONG)
    assert requests(calls) == {"UpdateItem": 2, "GetItem": 1, "PutItem": 1}
    for _ in range(LIMIT_PER_SOURCE.max_attempts):
        tried(stage, WRONG)
    kept = len(list(ActivityRecord.scan()))
    with counted(monkeypatch) as calls:
        assert tried(stage, TOKEN).status == 429
    assert requests(calls) == {"UpdateItem": 1}
    assert len(list(ActivityRecord.scan())) == kept


def test_a_header_cannot_say_where_a_request_comes_from(stage: Stage):
    for number in range(LIMIT_PER_SOURCE.max_attempts):
        answer = Browser(stage).send(
            "POST",
            "/login",
            f"key={WRONG}",
            **{
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Forwarded-For": f"198.51.100.{number}",
            },
        )
        assert answer.status == 401
    assert Browser(stage).post("/login", key=TOKEN).status == 429


def test_a_counter_lets_in_as_many_as_it_says_and_ends_by_itself(stage: Stage):
    counters, until = wiring.get_world().counters, stage.now + timedelta(minutes=5)
    assert [counters.try_increment("c", 3, until) for _ in range(5)] == [True] * 3 + [False] * 2
    counters.give_back("c")
    assert [counters.try_increment("c", 3, until) for _ in range(2)] == [True, False]
    for _ in range(9):
        counters.give_back("c")
    assert [counters.try_increment("c", 3, until) for _ in range(4)] == [True] * 3 + [False]
    counters.give_back("never taken")
    (row,) = CounterRecord.scan()
    assert row.expires_at >= until.timestamp()


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)))  # noqa: DTZ001
def test_a_window_ends_within_its_span_and_the_next_one_is_another(now: datetime):
    for limit in (LIMIT_PER_SOURCE, LIMIT_OF_ALL_SOURCES):
        name, end = limit.window_at(now)
        assert timedelta(0) < end - now <= limit.span
        assert limit.window_at(end)[0] != name
        assert limit.window_at(end - timedelta(milliseconds=1))[0] == name


@pytest.mark.parametrize(
    "source, stands_for",
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
        ("", "unknown"),
    ],
)
def test_who_has_one_address_of_a_network_has_them_all(source: str, stands_for: str):
    assert client_network(source) == stands_for
