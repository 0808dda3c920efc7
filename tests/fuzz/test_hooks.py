"""Strangers post arbitrary requests to webhooks: nothing crashes, and none is accepted.

Ten thousand requests in `make test-all`, a million with `make fuzz-hooks`, in one process after
another: the store in memory and hypothesis remember them all.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.domain.firing.firing import Outcome, run_id
from chalicelib.domain.triggers.webhook_senders import SENDERS as KNOWN
from chalicelib.storage.records import FiringRecord, RunRecord
from chalicelib.web.api import hooks
from chalicelib.web.http.rate_limit import TokenBuckets
from tests.conftest import Stage
from tests.support.signed_deliveries import NAMED_BY_TOKEN, now, secret_of, signed

REQUESTS = int(os.environ.get("OPTIO_FUZZED_HOOKS", "10000"))
SENDERS = sorted(name for name, sender in KNOWN.items() if sender.check)
"""Those with a secret. Amazon SNS signs with a key, and has tests of its own."""
HEADERS = sorted(
    {name for one in KNOWN.values() for name in (*one.id_headers, *one.event_headers)}
    | {name.lower() for sender in SENDERS for name in signed(sender, b"", 0)}
)
TYPES = [
    *("application/json", "application/x-www-form-urlencoded", "text/plain", "application/a+json"),
    *("", "application/json; charset=utf-7"),
]
STRANGE = [
    *(b"", b"[" * 5000, b'{"a":' * 500 + b"1" + b"}" * 500, b'{"a":NaN}', b'{"a":"\\ud800"}'),
    *(b"1e999", b"\xff\xfe", b"payload=%7B%7D", b"9" * 5000, b'{"webhookTimestamp":' + b"9" * 400),
    *(b'{"webhookTimestamp":' + b"9" * 400 + b"}", b'{"title":{"deep":[1]},"n":"a"}'),
]
NAMES = ["title", "n", "type", "event", "id", "action"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), inner)
    ),
    max_leaves=8,
)
bodies = st.one_of(
    st.sampled_from(STRANGE),
    st.binary(max_size=200),
    values.map(lambda value: json.dumps(value).encode()),
)
claims = st.one_of(
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=80),
    st.sampled_from([f"sha256={'0' * 64}", "v1,", "t=1,v1=0", "t=²,v1=0", "Bearer ", "²"]),
)
requests = st.tuples(
    bodies, st.sampled_from(TYPES), st.dictionaries(st.sampled_from(HEADERS), claims, max_size=6)
)


class Ingress:
    """A webhook of each sender, and all posts to them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.posted = 0
        self.believed: set[str] = set()
        self.refused = 0
        mapping = {"title": "$.title", "n": "$.n"}
        for sender in SENDERS:
            config = {"path": sender, "signature": sender, "secret": secret_of(sender)}
            config["filter"] = "!(n > `3`)"
            trigger = {"type": "webhook", "config": config, "paramMapping": mapping}
            task = {"type": "standalone", "name": sender, "prompt": "{{title}} {{n.a.0}}"}
            stage.ok("POST", "/api/tasks", {**task, "triggers": [trigger]})

    def post(self, sender: str, body: bytes, kind: str, headers: dict[str, str]) -> tuple[int, Any]:
        told: tuple[int, Any] = self._stage.call(
            "POST", f"/api/hooks/{sender}", body, token="", **{**headers, "Content-Type": kind}
        )
        self.posted += 1
        assert told[0] in (200, 202, 400, 401, 415), told
        return told

    def strange(self, body: bytes, kind: str, headers: dict[str, str]) -> None:
        """Post an unsigned body to every sender's webhook."""
        for sender in SENDERS:
            status, _ = self.post(sender, body, kind, headers)
            assert status == 401

    def tampered(self, sender: str, body: bytes, kind: str, place: int) -> None:
        """Post what was signed, with one byte of it changed."""
        if sender in NAMED_BY_TOKEN:
            return
        changed = bytearray(body or b"0")
        changed[place % len(changed)] ^= 1
        status, _ = self.post(sender, bytes(changed), kind, signed(sender, body, now(self._stage)))
        assert status == 401

    def genuine(self, sender: str, body: bytes, kind: str) -> None:
        """Post what its sender signed, whatever it is."""
        _, told = self.post(sender, body, kind, signed(sender, body, now(self._stage), self.posted))
        if told and "firingId" in told:
            self.believed.add(told["firingId"])
        elif told and "error" in told:
            self.refused += 1


@pytest.fixture
def ingress(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Ingress:
    monkeypatch.setattr(hooks, "_token_buckets", cache(lambda: TokenBuckets(10**9)))
    made = Ingress(stage)
    world = wiring.get_world()
    # Where a hook leads does not change meanwhile, and looking it up is what takes longest.
    monkeypatch.setattr(world.triggers, "find_listener", cache(world.triggers.find_listener))
    return made


@contextmanager
def unheard() -> Iterator[None]:
    """Drop the log lines and metrics of a million requests, which would fill the memory."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        logging.disable()
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


@pytest.mark.slow
def test_no_request_brings_a_5xx_and_none_without_a_signature_a_task(ingress: Ingress):
    @settings(
        max_examples=max(1, REQUESTS // (len(SENDERS) + 1)),
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests, st.sampled_from(SENDERS), st.integers(0, 200), st.integers(0, 30))
    def storm(request: Any, sender: str, place: int, dice: int) -> None:
        body, kind, headers = request
        ingress.strange(body, kind, headers)
        ingress.tampered(sender, body, kind, place)
        if dice == 0:
            ingress.genuine(sender, body, kind)

    with unheard():
        storm()
        for sender in SENDERS:
            ingress.genuine(sender, b'{"title": "t", "n": 1}', "application/json")

    assert ingress.posted >= REQUESTS * 0.9
    rows = {row.id for row in FiringRecord.scan()}
    assert rows >= ingress.believed
    # A delivery that was signed and could not be read leaves a record of its own.
    others = [wiring.get_world().firings.get(key) for key in rows - ingress.believed]
    assert len(others) <= ingress.refused
    assert all(firing.outcome is Outcome.FAILED for firing in others)
    runs = {row.id for row in RunRecord.scan()}
    assert runs
    assert runs <= {run_id(firing) for firing in ingress.believed}
