"""The log of a run: any part of it in one or two requests, each line once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.actions.runs import logs
from chalicelib.domain.runs.log import LineFilter, LogLine, LogStream
from chalicelib.domain.runs.run import Run
from tests.conftest import Stage
from tests.support.call_counts import counted, requests

LONG = 50_000


def lines(stage: Stage, numbers: Sequence[int], attempt: int = 1) -> list[LogLine]:
    said = [f"line {n}" + (" needle" if n % 10_000 == 7 else "") for n in numbers]
    return [
        LogLine(seq=n, timestamp=stage.now, log_type="text", content=text, attempt=attempt)
        for n, text in zip(numbers, said, strict=True)
    ]


def run_with(stage: Stage, attempts: int = 1) -> Run:
    body = {
        "type": "repo-task",
        "name": "Talk",
        "prompt": "Talk.",
        "repoUrl": "https://example.com/acme/web",
    }
    made = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    was = wiring.get_world().runs.get(made)
    new = replace(was, attempt=attempts, version=was.version + 1)
    wiring.get_world().runs.put(new, was)
    return new


def numbers(page: logs.LogExcerpt) -> list[int]:
    return [line.seq for line in page.lines]


@pytest.fixture
def long(stage: Stage) -> Run:
    run = run_with(stage)
    for first in range(1, LONG, 5000):
        said = lines(stage, range(first, first + 5000))
        wiring.get_world().logs.write_lines(LogStream.of_attempt(run, 1), said)
    return run


def test_a_page_of_the_longest_log_costs_the_same_wherever_it_is(
    stage: Stage, long: Run, monkeypatch: pytest.MonkeyPatch
):
    world = wiring.get_world()
    for cursor, first, last in (
        ("", LONG - 199, LONG),
        ("1.0", 1, 200),
        ("1.25000", 25_001, 25_200),
        ("-1.25000", 24_800, 24_999),
        (logs.cursor_around(1, 31_234, 200), 31_134, 31_333),
    ):
        with counted(monkeypatch) as calls:
            page = logs.read_page(world, long, cursor, 200)
        assert (numbers(page)[0], numbers(page)[-1], len(page.lines)) == (first, last, 200), cursor
        assert requests(calls) == {"GetLogEvents": 1}, cursor


def test_a_reader_at_the_end_asks_for_nothing_that_was_read(
    stage: Stage, long: Run, monkeypatch: pytest.MonkeyPatch
):
    with counted(monkeypatch) as calls:
        page = logs.read_page(wiring.get_world(), long, f"1.{LONG}", 1000)
    assert (page.lines, page.following) == ([], f"1.{LONG}")
    assert requests(calls)["GetLogEvents"] <= 2


def test_a_search_goes_through_the_whole_log_a_part_a_request(stage: Stage, long: Run):
    wanted, cursor, found = LineFilter(text="NEEDLE"), "1.0", []
    for _ in range(7):
        page = logs.read_page(wiring.get_world(), long, cursor, 1000, wanted)
        found += numbers(page)
        if page.following == cursor:
            break
        cursor = page.following
    assert found == [7, 10_007, 20_007, 30_007, 40_007]
    assert cursor == f"1.{LONG}"


def test_a_search_goes_back_from_the_end_too(stage: Stage, long: Run):
    page = logs.read_page(wiring.get_world(), long, "", 1, LineFilter(text="line 49"))
    assert numbers(page) == [49_999]
    assert page.before == "-1.49999"


def test_an_attempt_that_said_nothing_hides_no_earlier_one(stage: Stage):
    run = run_with(stage, attempts=3)
    wiring.get_world().logs.write_lines(LogStream.of_attempt(run, 1), lines(stage, [1, 2]))
    page = logs.read_page(wiring.get_world(), run, "", 10)
    seen = []
    while page.before:
        page = logs.read_page(wiring.get_world(), run, page.before, 10)
        seen += numbers(page)
    assert seen == [1, 2]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    beats=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 3)), min_size=1, max_size=5),
    limit=st.integers(7, 50),
)
def test_beats_that_come_again_are_read_once_and_in_order(
    stage: Stage, beats: list[tuple[int, int]], limit: int
):
    stage.now += timedelta(seconds=1)
    run = run_with(stage)
    first = 1
    for length, times in beats:
        for _ in range(times):
            part = lines(stage, range(first, first + length))
            wiring.get_world().logs.write_lines(LogStream.of_attempt(run, 1), part)
        first += length

    forward, cursor = [], "1.0"
    while (page := logs.read_page(wiring.get_world(), run, cursor, limit)).lines:
        forward += numbers(page)
        cursor = page.following
    page = logs.read_page(wiring.get_world(), run, "", limit)
    backward = numbers(page)
    while page.before:
        page = logs.read_page(wiring.get_world(), run, page.before, limit)
        backward = numbers(page) + backward

    assert forward == backward == list(range(1, first))


@pytest.mark.parametrize("start", ["1.0", ""], ids=["on from the start", "back from the end"])
def test_a_page_of_long_lines_ends_early_and_the_next_one_goes_on(stage: Stage, start: str):
    """Lambda answers with 6 MB at most, and a quote is four bytes of what it answers."""
    run = run_with(stage)
    heavy = [replace(line, content='"' * 16_000) for line in lines(stage, range(1, 151))]
    wiring.get_world().logs.write_lines(LogStream.of_attempt(run, 1), heavy)
    cursor, read, pages = start, list[int](), 0
    while len(read) < 150:
        path = f"/api/tasks/{run.id}/logs?limit=1000&cursor={cursor}"
        page = stage.ok("GET", path)
        assert len(json.dumps(json.dumps(page))) < 5 * 2**20
        found = [line["seq"] for line in page["logs"]]
        assert found
        read = found + read if start == "" else read + found
        cursor = page["prevCursor"] if start == "" else page["nextCursor"]
        pages += 1
    assert read == list(range(1, 151))
    assert pages == 3
