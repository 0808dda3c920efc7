"""Text that leaves a job: clean lines without secrets."""

from __future__ import annotations

import base64
import json
import math
from textwrap import wrap
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.domain import strict_json
from chalicelib.domain.runs.log import MAX_LINE_BYTES
from chalicelib.integrations.agents.base import AgentResult
from chalicelib.runner.job_spec import JobSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.output.text import LineSplitter
from chalicelib.runner.report import report_body
from chalicelib.runner.work.result import JobResult
from chalicelib.web.schemas import requests, runner_requests
from chalicelib.web.schemas.runner_requests import RUN

SECRET = 'p4ss/wörd "of+the" king=='


def lines_of(*pieces: bytes, secrets: tuple[str, ...] = ()) -> list[str]:
    heard: list[str] = []
    lines = LineSplitter(heard.append, Redactor(secrets))
    for piece in pieces:
        lines.feed_bytes(piece)
    lines.feed_end()
    return heard


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(SECRET, id="as it is"),
        pytest.param(json.dumps(SECRET)[1:-1], id="in JSON"),
        pytest.param(json.dumps(SECRET, ensure_ascii=False)[1:-1], id="in JSON with its umlaut"),
        pytest.param(json.dumps(json.dumps(SECRET)[1:-1])[1:-1], id="in JSON within JSON"),
        pytest.param(quote(SECRET, safe=""), id="in a URL"),
        pytest.param(base64.b64encode(SECRET.encode()).decode(), id="in base64"),
        pytest.param(base64.urlsafe_b64encode(SECRET.encode()).decode(), id="in base64 for URLs"),
    ],
)
def test_a_secret_is_redacted_wherever_the_stream_is_split(form: str):
    data = f"before {form} after\n".encode()

    for split in range(len(data)):
        assert lines_of(data[:split], data[split:], secrets=(SECRET,)) == ["before *** after"]


@pytest.mark.parametrize("user", ["", "x", "xy", "x-access-token"])
def test_a_secret_inside_basic_credentials_cannot_be_decoded(user: str):
    header = base64.b64encode(f"{user}:ghp_0123456789abcdef".encode()).decode()

    (line,) = lines_of(
        f"Authorization: Basic {header}\n".encode(), secrets=("ghp_0123456789abcdef",)
    )

    kept = line.split()[-1]
    assert "***" in kept
    assert b"0123456789" not in base64.b64decode(kept.replace("***", "") + "==="[: -len(kept) % 4])


LONG = "sk-" + "".join(f"{n:03}-key" for n in range(20)) + "/&'\"\\"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(base64.encodebytes(f"{LONG}\n".encode()).decode(), id="as base64 cuts it"),
        pytest.param(
            "\n".join(wrap(base64.b64encode(f"{LONG}\n".encode()).decode(), 64)),
            id="as openssl cuts it",
        ),
        pytest.param(LONG.encode().hex().upper(), id="in large hex"),
        pytest.param(repr(LONG), id="as Python shows it"),
        pytest.param(json.dumps(LONG).replace("&", "\\u0026"), id="as Go writes JSON"),
        pytest.param(
            json.dumps(json.dumps(f"{LONG}ö", ensure_ascii=False), ensure_ascii=False),
            id="in JSON within JSON with its umlaut",
        ),
    ],
)
def test_a_long_secret_is_redacted_as_programs_print_it(form: str):
    found = "".join(lines_of(f"{form}\n".encode(), secrets=(LONG, f"{LONG}ö")))

    assert "***" in found
    assert len(found.replace("***", "")) <= 8


def test_each_line_of_a_key_is_redacted_by_itself():
    key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nq83vEjRWeJCrze8S\n-----END KEY-----\n"

    assert lines_of(b"> MIIEowIBAAKCAQEA\n> q83vEjRWeJCrze8S\n", secrets=(key,)) == [
        "> ***",
        "> ***",
    ]


def test_of_two_secrets_that_begin_alike_the_longer_is_redacted_whole():
    assert lines_of(b"abcd", b"efgh\nabcd\n", secrets=("abcd", "abcdefgh")) == ["***", "***"]


def test_a_line_comes_as_soon_as_it_ends():
    heard: list[str] = []
    lines = LineSplitter(heard.append, Redactor(["secret-value"]))

    lines.feed_bytes(b"a line\nsecr")

    assert heard == ["a line"]


def test_terminal_sequences_and_broken_bytes_do_not_reach_the_log():
    assert lines_of(b"\x1b[31mred\x1b[0m \x00nul\r\n", b"10%\r50%\r100%\n", b"\xff\xfe ok\n") == [
        "red nul",
        "100%",
        "\ufffd\ufffd ok",
    ]


def test_a_terminal_sequence_split_in_two_is_still_one():
    assert lines_of(b"a\x1b[3", b"1mb\n") == ["ab"]


def test_a_character_split_in_two_is_still_one():
    assert lines_of("ü".encode()[:1], "ü".encode()[1:], b"\n") == ["ü"]


def test_a_long_line_is_cut_with_a_notice():
    (line,) = lines_of(b"x" * 100_000, b"x" * 100_000, b"\n")

    assert len(line.encode()) <= MAX_LINE_BYTES
    assert line.endswith("[cut: 200000 bytes]")


def test_a_full_log_says_so_once():
    log = JobLog(Redactor([]), total_bytes=25)

    for _ in range(5):
        log.add_line("agent", "0123456789")
    log.add_line("error", "the end", always=True)

    contents = [entry.content for entry in log.next_batch()]
    assert contents[:2] == ["0123456789"] * 2
    assert len(contents) == 4
    assert "full" in contents[2]
    assert contents[3] == "the end"


def test_lines_are_numbered_and_kept_until_they_are_sent():
    log = JobLog(Redactor([]))
    for number in range(5):
        log.add_line("agent", str(number))

    first = log.next_batch(limit=250)
    assert log.next_batch(limit=250) == first
    log.forget_batch(first)

    assert [entry.seq for entry in first] == [1, 2]
    assert [entry.seq for entry in log.next_batch()] == [3, 4, 5]


def test_a_report_is_taken_whatever_a_program_says_of_itself():
    words: list[Any] = [{"a": 1}, 7, "x" * 999, "a\n\x1b[1mb", "\ud800", "", None]
    numbers: list[Any] = [math.nan, math.inf, -1, 10**30, "7", True, {}, None]
    said = [AgentResult(ok=True, session_id=word, model=word) for word in words]
    said += [
        AgentResult(ok=True, input_tokens=n, output_tokens=n, cost_usd=n, turns=n) for n in numbers
    ]
    order = JobSpec.from_json({"runId": RUN, "attempt": 1})
    for agent in said:
        body = report_body(
            order, JobResult(outcome="succeeded", agent=agent), JobLog(Redactor(())), stage=""
        )
        read = strict_json.parse_json(json.dumps(body))
        requests.parse_request(runner_requests.Report, {**read, "stage": None})
        assert not (agent.turns or agent.cost_usd) or not any(read["agent"].values())


def test_a_count_that_a_program_tells_as_a_fraction_is_taken_as_a_whole_number():
    agent = AgentResult(ok=True, input_tokens=7.0, turns=2.5, cost_usd=0.25)  # type: ignore[arg-type]
    order = JobSpec.from_json({"runId": RUN, "attempt": 1})
    body = report_body(
        order, JobResult(outcome="succeeded", agent=agent), JobLog(Redactor(())), stage=""
    )
    read = requests.parse_request(runner_requests.Report, {**body, "stage": None}).agent
    assert read is not None
    assert (read.input_tokens, read.turns, read.cost_usd) == (7, 2, 0.25)
