"""The meaning of a tracker's refusal: wait, retry, or an error for a person to fix."""

from __future__ import annotations

from datetime import timedelta

import pytest
from requests.structures import CaseInsensitiveDict

from chalicelib.domain.tickets.provider import TicketProvider, fail_sync
from chalicelib.integrations.trackers.http import tracker_error
from chalicelib.ports import TrackerRateLimited, TrackerUnreachable
from tests.conftest import NOON

RESET = str(int((NOON + timedelta(minutes=5)).timestamp()))


@pytest.mark.parametrize(
    "status, headers, text, seconds",
    [
        pytest.param(429, {"Retry-After": "120"}, "", 120, id="Jira and Notion"),
        pytest.param(429, {}, "", 60, id="no word of how long"),
        pytest.param(403, {"Retry-After": "7"}, "", 7, id="GitHub, secondary"),
        pytest.param(403, {}, "You have exceeded a secondary rate limit", 60, id="GitHub, bare"),
        pytest.param(
            *(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": RESET}, "", 300),
            id="GitHub, primary",
        ),
        pytest.param(
            400,
            {"X-RateLimit-Requests-Reset": f"{RESET}000"},
            '{"errors": [{"extensions": {"code": "RATELIMITED"}}]}',
            300,
            id="Linear, as HTTP 400 and in milliseconds",
        ),
        pytest.param(429, {"Retry-After": "9" * 30}, "", 6 * 3600, id="nothing sleeps for ever"),
        pytest.param(429, {"X-RateLimit-Reset": "9" * 30}, "", 60, id="a time beyond all time"),
    ],
)
def test_each_trackers_own_way_to_limit_is_waited_for(
    status: int, headers: dict[str, str], text: str, seconds: int
):
    error = tracker_error("T", status, CaseInsensitiveDict(headers), text, NOON)

    assert isinstance(error, TrackerRateLimited)
    assert error.wait.total_seconds() == seconds


@pytest.mark.parametrize(
    "status, passes, told",
    [
        (400, False, "T answered 400: what it said"),
        (401, False, "give the provider a new one"),
        (403, False, "give it the rights"),
        (404, False, "check the config"),
        (409, True, "what it said"),
        (422, False, "what it said"),
        (500, True, "what it said"),
        (503, True, "what it said"),
    ],
)
def test_each_refusal_is_what_it_is_and_says_what_to_mend(status: int, passes: bool, told: str):
    error = tracker_error("T", status, CaseInsensitiveDict(), "what it said", NOON)

    assert isinstance(error, TrackerUnreachable)
    assert error.passes is passes
    assert told in str(error)


def test_a_tracker_that_is_down_and_says_for_how_long_is_left_alone_so_long():
    headers = CaseInsensitiveDict({"Retry-After": "600"})
    error = tracker_error("T", 503, headers, "", NOON)
    assert isinstance(error, TrackerUnreachable)
    provider = TicketProvider(id="p", name="P", source="jira", created_at=NOON, updated_at=NOON)

    assert fail_sync(provider, "down", NOON, error.wait).due_at == NOON + timedelta(minutes=10)
    assert fail_sync(provider, "down", NOON).due_at == NOON + timedelta(minutes=1)
