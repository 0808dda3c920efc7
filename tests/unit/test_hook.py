"""What a mapping, a list of events and a bucket of tokens let through."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.actions.hooks import mapped
from chalicelib.domain import hook as hooks
from chalicelib.domain.hook import PRESETS, Delivery, believed
from chalicelib.web.flood import Buckets
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

    assert mapped(WORLD, {"x": f"$.{written}", "all": "$"}, payload) == {"x": found, "all": payload}


@given(st.sampled_from(sorted(PRESETS)), st.dictionaries(st.text(), st.text()), st.binary())
def test_no_header_and_no_body_is_believed_by_chance_nor_makes_a_fault(
    preset: str, headers: dict[str, str], body: bytes
):
    names = [
        *("authorization", "x-optio-token", "x-optio-signature", "x-hub-signature-256"),
        *("stripe-signature", "x-slack-request-timestamp", "webhook-id", "webhook-timestamp"),
    ]
    texts = list(headers.values())
    sent = dict(zip(names, texts, strict=False)) | headers
    delivery = Delivery(headers=sent, body=body)
    assert not believed(PRESETS[preset], delivery, ["a secret that nobody knows"], NOON)
    payload = {"event": texts, "id": texts, "action": None}
    hooks.delivery_id(PRESETS[preset], delivery, payload)
    hooks.event_names(PRESETS[preset], delivery, payload)


def test_events_are_named_whole_or_by_their_kind():
    opened = frozenset({"issues", "issues.opened"})
    assert hooks.wanted([], opened)
    assert hooks.wanted(["Issues"], opened)
    assert hooks.wanted([" issues.* "], opened)
    assert not hooks.wanted(["issue.*", "issues.closed"], opened)


@given(st.lists(st.floats(0, 3), max_size=300), st.integers(1, 20))
def test_a_bucket_gives_no_more_than_its_rate_and_its_depth(gaps: list[float], rate: int):
    buckets, now, taken, waited = Buckets(rate), NOON, 0, 0.0
    for gap in gaps:
        now += timedelta(seconds=gap)
        waited += gap
        wait = buckets.take("p", now)
        taken += not wait
        assert timedelta(0) <= wait <= timedelta(seconds=1 / rate)
        assert taken <= 2 * rate + waited * rate + 1e-3


def test_buckets_forget_paths_that_nobody_asks_for():
    buckets = Buckets(1)
    for number in range(10_050):
        buckets.take(f"p{number}", NOON)
    assert len(buckets._kept) == 10_000


def test_a_payload_keeps_its_numbers_as_they_came():
    assert json.dumps(mapped(WORLD, {"n": "$.n"}, json.loads('{"n": 1.0}'))) == '{"n": 1.0}'
