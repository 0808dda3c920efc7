"""Filters of webhooks: mappings, lists of events and a bucket of tokens."""

from __future__ import annotations

import fnmatch
import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.actions.firing.payload_params import map_params
from chalicelib.domain.triggers.webhook_events import matches_event
from chalicelib.web.http.rate_limit import TokenBuckets
from tests.conftest import NOON
from tests.simulation.memory import MemoryWorld

NAMES = st.from_regex(r"\A[a-z_][a-z0-9_]{0,8}\Z")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
WORLD = MemoryWorld(lambda: NOON, lambda span: None)


@given(JSON, st.lists(NAMES | st.integers(0, 2), min_size=1, max_size=4))
def test_a_mapping_finds_what_lies_at_its_path_and_nothing_else(
    payload: object, path: list[object]
):
    written, found = "", payload
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            written += f".{step}" if written else step
            found = found.get(step) if isinstance(found, dict) else None
    if written.startswith("["):
        written = f"@{written}"

    assert map_params(WORLD, {"x": f"$.{written}", "all": "$"}, payload) == {
        "x": found,
        "all": payload,
    }


def test_events_are_named_whole_or_by_their_kind():
    opened = frozenset({"issues", "issues.opened"})
    assert matches_event([], opened)
    assert matches_event(["Issues"], opened)
    assert matches_event([" issues.* "], opened)
    assert matches_event(["issues.*"], {"issues"})
    assert matches_event(["*.opened"], opened)
    assert not matches_event(["issue.*", "issues.closed"], opened)


def test_a_star_stands_for_any_characters_of_an_event():
    assert matches_event(["*"], {"push"})
    assert matches_event(["*"], ())
    assert matches_event(["jira:*"], {"jira:issue_created"})
    assert not matches_event(["jira:*"], {"comment_created", "jira"})


@given(st.text("ab.:*", max_size=8), st.text("ab.:", max_size=8))
def test_a_pattern_matches_what_a_shell_would_match(pattern: str, name: str):
    wanted = fnmatch.fnmatchcase(name, pattern)
    if pattern.endswith(".*"):
        wanted = wanted or fnmatch.fnmatchcase(name, pattern[:-2])
    assert matches_event([pattern], {name}) is wanted


@given(st.lists(st.floats(0, 3), max_size=300), st.integers(1, 20))
def test_a_bucket_gives_no_more_than_its_rate_and_its_depth(gaps: list[float], rate: int):
    buckets, now, taken, waited = TokenBuckets(rate), NOON, 0, 0.0
    for gap in gaps:
        now += timedelta(seconds=gap)
        waited += gap
        wait = buckets.take_token("p", now)
        taken += not wait
        assert timedelta(0) <= wait <= timedelta(seconds=1 / rate)
        assert taken <= 2 * rate + waited * rate + 1e-3


def test_buckets_forget_paths_that_nobody_asks_for():
    buckets = TokenBuckets(1)
    for number in range(10_050):
        buckets.take_token(f"p{number}", NOON)
    assert len(buckets._kept) == 10_000


def test_a_payload_keeps_its_numbers_as_they_came():
    assert json.dumps(map_params(WORLD, {"n": "$.n"}, json.loads('{"n": 1.0}'))) == '{"n": 1.0}'
