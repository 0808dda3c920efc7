"""The log of a run: any part of it in one or two requests, each line once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import botocore.client
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.actions.runs import logs
from chalicelib.domain.runs.attempt import Attempt
from chalicelib.domain.runs.log import LATE_LINES_PATIENCE, LineFilter, LogLine, LogStream
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from tests.conftest import TOKEN, Stage
from tests.support.browser import Browser
from tests.support.call_counts import counted, requests
from tests.support.runner_calls import claimed, fired, line, runner

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


def with_gap(stage: Stage, missing: int, last: int = 4) -> Run:
    """Return a running run with these lines, of which one is not shown yet."""
    run = run_with(stage)
    shown = [n for n in range(1, last + 1) if n != missing]
    wiring.get_world().logs.write_lines(LogStream.of_attempt(run, 1), lines(stage, shown))
    return run


@pytest.mark.parametrize("cursor", ["1.0", ""], ids=["following", "newest page"])
def test_a_line_that_is_shown_late_is_waited_for_and_read_in_its_order(stage: Stage, cursor: str):
    run = with_gap(stage, missing=3)
    world = wiring.get_world()

    page = logs.read_page(world, run, cursor, 100)
    assert (numbers(page), page.following, page.complete) == ([1, 2], "1.2", False)
    assert numbers(logs.read_page(world, run, "1.2", 100)) == []
    world.logs.write_lines(LogStream.of_attempt(run, 1), lines(stage, [3]))
    assert numbers(logs.read_page(world, run, page.following, 100)) == [3, 4]


def test_a_search_waits_for_a_late_line_too(stage: Stage):
    run = with_gap(stage, missing=3)
    page = logs.read_page(wiring.get_world(), run, "1.0", 100, LineFilter(text="line"))
    assert (numbers(page), page.following) == ([1, 2], "1.2")


@pytest.mark.parametrize("cursor", ["1.0", "1.2", ""])
def test_a_line_that_never_comes_holds_readers_up_for_some_seconds_only(stage: Stage, cursor: str):
    run = with_gap(stage, missing=3)
    assert 4 not in numbers(logs.read_page(wiring.get_world(), run, cursor, 100))
    stage.now += LATE_LINES_PATIENCE
    assert 4 in numbers(logs.read_page(wiring.get_world(), run, cursor, 100))


def test_a_reader_goes_on_to_the_next_attempt_when_no_line_of_this_one_can_come_late(stage: Stage):
    run = run_with(stage, attempts=2)
    started = [Attempt(number=n, started_at=stage.now, runner="r") for n in (1, 2)]
    run, world = replace(run, attempts=tuple(started)), wiring.get_world()
    world.logs.write_lines(LogStream.of_attempt(run, 1), lines(stage, [1]))
    assert logs.read_page(world, run, "1.1", 100).following == "1.1"
    stage.now += LATE_LINES_PATIENCE
    assert logs.read_page(world, run, "1.1", 100).following == "2.0"


@pytest.mark.parametrize(("sent", "complete"), [(2, True), (3, False), (0, False)])
def test_the_end_of_a_run_is_complete_with_the_last_line_that_its_runner_sent(
    stage: Stage, sent: int, complete: bool
):
    run = run_with(stage)
    attempt = Attempt(number=1, started_at=stage.now, runner="r", ended_at=stage.now, lines=sent)
    run, world = replace(run, attempts=(attempt,)), wiring.get_world()
    world.logs.write_lines(LogStream.of_attempt(run, 1), lines(stage, [1, 2]))
    assert logs.read_page(world, run, "1.0", 100).complete is complete
    assert logs.read_page(world, run, "1.2", 100).complete is complete
    stage.now += LATE_LINES_PATIENCE
    assert logs.read_page(world, run, "1.2", 100).complete
    assert not logs.read_page(world, replace(run, state=State.RUNNING), "1.1", 100).complete


def test_the_report_of_a_runner_names_the_last_line(stage: Stage):
    _, run_id = fired(stage)
    claimed(stage)
    beat = {"runId": run_id, "attempt": 1, "lines": [line(1, "one")]}
    assert runner(stage, "beat", beat)[0] == 200
    end = {"runId": run_id, "attempt": 1, "outcome": "no_changes", "lines": [line(2, "two")]}
    assert runner(stage, "report", end)[0] == 200
    page = stage.ok("GET", f"/api/tasks/{run_id}/logs?cursor=1.1")
    assert ([entry["seq"] for entry in page["logs"]], page["complete"]) == ([2], True)


@pytest.fixture
def quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let CloudWatch answer 25 reads, and refuse those after them."""
    asked = itertools.count(1)
    real = botocore.client.BaseClient._make_api_call

    def call(self: Any, operation: str, given: Any) -> Any:
        if operation == "GetLogEvents" and next(asked) > 25:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)
        return real(self, operation, given)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)


@pytest.mark.usefixtures("quota")
def test_watchers_of_one_run_share_a_read_and_those_over_the_quota_are_asked_to_wait(stage: Stage):
    runs = [run_with(stage) for _ in range(30)]
    watched = [f"/api/tasks/{runs[0].id}/logs?cursor=1.0"] * 40
    assert {stage.call("GET", path)[0] for path in watched} == {200}
    statuses = [stage.call("GET", f"/api/tasks/{run.id}/logs?cursor=1.0")[0] for run in runs]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 20
    refused = stage.headers("GET", f"/api/tasks/{runs[-1].id}/logs", token=TOKEN)
    assert int(refused["Retry-After"]) in (1, 2, 3)
    page = Browser(stage).sign_in().get(f"/tasks/{runs[-1].id}")
    assert (page.status, 'data-next=""' in page.text) == (200, True)


def test_a_reader_of_new_lines_asks_once(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    run = run_with(stage)
    world = wiring.get_world()
    world.logs.write_lines(LogStream.of_attempt(run, 1), lines(stage, [1, 2, 3]))
    with counted(monkeypatch) as calls:
        assert numbers(logs.read_page(world, run, "1.1", 100)) == [2, 3]
    assert requests(calls) == {"GetLogEvents": 1}
