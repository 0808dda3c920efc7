"""Text of strangers is read, or refused with a reason; it never causes a crash."""

from __future__ import annotations

import json
import math
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.actions.firing import payload_params
from chalicelib.domain import limits, strict_json
from chalicelib.domain.blueprints.template import check_template, compile_template, render_template
from chalicelib.domain.errors import Invalid, InvalidSignature, NotJson
from chalicelib.domain.texts.cron_description import describe_cron
from chalicelib.domain.triggers import cron, schedule
from chalicelib.domain.triggers.sns_message import read_signed_message
from chalicelib.domain.triggers.webhook_body import read_payload
from chalicelib.domain.triggers.webhook_events import (
    answer_challenge,
    delivery_id,
    event_names,
    is_ping,
    is_within_age,
)
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery
from chalicelib.integrations.expressions.engine import ExpressionEngine
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.output.text import LineSplitter

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
STRANGE = ["NaN", "[Infinity]", "1e999", "[" * 99, '"\\ud800"', '["\\uD83D", "\\ude00"]']
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
pieces = st.sampled_from(
    [
        *("{{a}}", "{{a.0}}", "{{a.²}}", "{{#each a}}", "{{/each}}", "{{#if a}}", "{{else}}"),
        *("{{/if}}", "{{#unless b}}", "{{/unless}}", "{{this}}", "{{@index}}", "{{", "}}", "{%"),
        *("{{ this.x }}", "text", "\n", "{{#each this}}", "\ud83d", "{{a.99999999999999999999}}"),
    ]
)


@given(st.lists(pieces | st.text(max_size=5), max_size=20).map("".join), values)
@example("{{a.²}}", [1])
@example("{{a." + "9" * 5000 + "}}", [1])
def test_a_template_renders_or_says_why_not(text: str, value: object):
    with suppress(Invalid):
        rendered = render_template(text, {"a": value, "b": [value]})
        assert len(rendered.text.encode("utf-8", "replace")) <= limits.MAX_RENDERED_BYTES


@given(st.lists(pieces | st.text(max_size=5), max_size=20).map("".join))
@example(
    "{{#each a}}" * limits.MAX_TEMPLATE_DEPTH + "{{this}}" + "{{/each}}" * limits.MAX_TEMPLATE_DEPTH
)
@example("{{#if a}}x{{else}}" * limits.MAX_TEMPLATE_DEPTH + "{{/if}}" * limits.MAX_TEMPLATE_DEPTH)
@settings(deadline=None)
def test_what_was_checked_compiles(text: str):
    try:
        check_template(text)
    except Invalid:
        return
    compile_template(text)


def test_loops_that_print_nothing_end_too():
    text = "{{#each a}}" * 6 + "{{/each}}" * 6
    with pytest.raises(Invalid, match="over 1 MB"):
        render_template(text, {"a": list(range(1000))})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{" * 131_072, id="never closed"),
        pytest.param("{{a}}" * 52_000, id="very many tags"),
        pytest.param("{{#each a}}{{" + "b." * 200 + "b}}{{/each}}", id="a long way in a loop"),
        pytest.param("{{#each a}}{{" + "b" * 260_000 + "}}{{/each}}", id="a long name in a loop"),
    ],
)
def test_no_template_takes_long(text: str):
    begun = time.process_time()
    with suppress(Invalid):
        render_template(text, {"a": list(range(100_000)), "b": {}})
    assert time.process_time() - begun < 2


fields = st.lists(
    st.sampled_from(["*", "1", "0-5", "*/7", "1,2", "mon", "jan-dec", "²", "L", "31", "?", "5-1/0"])
    | st.text(max_size=4),
    min_size=4,
    max_size=6,
)


@given(fields.map(" ".join) | st.text(max_size=40))
@example("² * * * *")
@example("٣ * * * *")
def test_a_cron_expression_has_a_next_time_and_words_or_is_refused(text: str):
    try:
        cron.parse_cron(text)
    except Invalid:
        return
    found = schedule.CronSchedule(cron=text, timezone="UTC", jitter=timedelta(0))
    moment = schedule.next_after(found, NOON)
    assert moment is not None
    assert moment > NOON
    assert describe_cron(text)


headers = st.dictionaries(
    st.sampled_from(
        [
            *sorted({name for one in SENDERS.values() for name in one.id_headers}),
            *("stripe-signature", "x-slack-signature", "x-slack-request-timestamp"),
            *("webhook-signature", "webhook-timestamp", "x-pagerduty-signature", "authorization"),
        ]
    ),
    st.text(max_size=40) | st.sampled_from(["t=1,v1=", "v1,²", "sha256=", "²", "9" * 12, "v1=é"]),
)


@given(headers, st.binary(max_size=64), values, st.sampled_from(sorted(SENDERS)))
@example({}, b"{}", {"webhookTimestamp": 10**400}, "linear")
def test_no_delivery_is_believed_by_chance_and_none_breaks_a_check(
    given_headers: dict[str, str], body: bytes, payload: object, name: str
):
    sender, delivery = SENDERS[name], InboundDelivery(headers=given_headers, body=body)
    for secret in ("a secret of sixteen", "whsec_QUJD") if sender.check else ():
        assert not sender.check(delivery, secret, NOON)
    assert is_within_age(sender, payload, NOON) in (True, False)
    assert isinstance(delivery_id(sender, delivery, payload), str)
    names = event_names(sender, delivery, payload)
    assert isinstance(names, frozenset)
    assert is_ping(sender, [], names, payload) in (True, False)
    answer_challenge(sender, payload, signed=True)
    with pytest.raises(InvalidSignature):
        read_signed_message(payload, ())
    for kind in ("application/json", "text/plain; charset=utf-16", "application/cloudevents+json"):
        described = replace(delivery, headers={**given_headers, "content-type": kind})
        with suppress(Invalid, NotJson):
            read_payload(sender, described)


queries = st.lists(
    st.sampled_from(
        [
            *("a", "b", "*", "[*]", "[]", "[?a > `1`]", "@", " | ", ".", "{a: @, b: @}", "[@, @]"),
            *("length(@)", "to_number(a)", "sort(@)", "join(',', @)", "[0]", "[-1:]", "avg(@)"),
            *("[?a < 'x']", "!a", "a || b", "keys(@)", "sum(@)", "reverse(@)", "max(@)"),
        ]
    ),
    min_size=1,
    max_size=8,
).map("".join)


@given(queries, values)
@example("a > `1`", {"a": "text"})
@example("to_number(a)", {"a": "1e999"})
def test_a_query_finds_what_can_be_written_or_says_why_not(query: str, payload: object):
    with suppress(Invalid):
        found = ExpressionEngine().evaluate_query(query, payload)
        assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("step", ["[@,@][]", "[@,@]", "{a:@,b:@}", "[*].[@,@][]"])
def test_a_query_that_doubles_gives_up(step: str):
    query = " | ".join(["[@]", *[step] * 45])
    with pytest.raises(Invalid, match=r"steps|applied"):
        ExpressionEngine().evaluate_query(query, ["x"] * 10)


@pytest.mark.parametrize(
    "query, payload",
    [
        pytest.param("join(a, b)", {"a": "x" * 500_000, "b": ["y"] * 50_000}, id="join"),
        pytest.param(f"to_string([{'@,' * 400}@])", "é" * 500_000, id="to_string"),
        pytest.param(f"[{'@,' * 400}@]", "é" * 500_000, id="the same text many times"),
    ],
)
def test_a_query_makes_no_text_that_is_larger_than_any_request(query: str, payload: object):
    tracemalloc.start()
    with suppress(Invalid):
        json.dumps(ExpressionEngine().evaluate_query(query, payload))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 1024 * 1024


def test_a_mapping_picks_out_no_more_than_a_firing_may_hold():
    world: Any = SimpleNamespace(expressions=ExpressionEngine())
    paths = {f"p{number}": "$.a" for number in range(100)}
    assert payload_params.map_params(world, paths, {"a": "x" * 1000})["p99"] == "x" * 1000
    with pytest.raises(Invalid, match="may have at most"):
        payload_params.map_params(world, paths, {"a": "x" * 900_000})


@given(values)
def test_json_is_read_as_it_was_written(value: object):
    assert strict_json.parse_json(json.dumps(value)) == json.loads(
        json.dumps(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


@given(st.text(max_size=40) | st.sampled_from(STRANGE))
def test_what_is_read_can_be_written_again(text: str):
    try:
        found = strict_json.parse_json(text)
    except Invalid:
        return
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    assert not isinstance(found, float) or math.isfinite(found)


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_json_nests_up_to_the_limit(opening: str, closing: str):
    def nested(depth: int) -> str:
        return opening * depth + "1" + closing * depth

    strict_json.parse_json(nested(limits.MAX_JSON_DEPTH))
    for depth in (limits.MAX_JSON_DEPTH + 1, 900, 100_000):
        with pytest.raises(Invalid):
            strict_json.parse_json(nested(depth))


printable = st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n")
secrets = st.text(printable, min_size=8, max_size=60).filter(lambda text: len(text.strip()) >= 8)


@given(secrets, st.text(printable), st.text(printable), st.integers(1, 60))
def test_no_cutting_of_a_log_lets_a_secret_through(secret: str, before: str, after: str, cut: int):
    redactor = Redactor([secret])
    said = f"{before}{secret}{after}"
    shown: list[str] = []
    lines = LineSplitter(shown.append, redactor)
    for start in range(0, len(said.encode()), cut):
        lines.feed_bytes(said.encode()[start : start + cut])
    lines.feed_end()
    long = [line.strip() for line in secret.splitlines() if len(line.strip()) >= 8]
    parts = (long or [line.strip() for line in secret.splitlines()]) if "\n" in secret else [secret]
    for part in parts:
        assert len(part) < 4 or part not in "\n".join(shown).replace("***", "\0")
    assert redactor.redact_text(redactor.redact_text(said)) == redactor.redact_text(said)


@pytest.mark.parametrize("piece", ["[", "(", "{a:", "!", "a[?", "[]"])
def test_a_query_that_only_opens_is_refused_before_it_is_parsed(piece: str):
    with pytest.raises(Invalid, match="at most 150 of"):
        ExpressionEngine().check_query(piece * 151)


def test_a_look_up_costs_as_much_as_what_is_printed_meanwhile():
    with pytest.raises(Invalid, match="its loops take too long"):
        render_template("{{#each a}}{{#if b}}{{/if}}{{/each}}", {"a": [0] * 70_000})
