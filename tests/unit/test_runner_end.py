"""A program that has printed its structured end and does not exit."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chalicelib.integrations.agents import AGENTS
from chalicelib.runner.agent import EndGrace, time_zone_of
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import JobSpec
from tests.support.agent_streams import MINIATURES
from tests.support.fake_runner_api import PlayedApi, alive, do, git, job
from tests.support.runner_programs import PROGRAMS, order_for, put_program

HANGS = "sleep 300 & wait\n"
HOLDS_OUT = "trap '' TERM\n(trap '' TERM; while :; do sleep 1; done) &\nwhile :; do sleep 1; done\n"


@pytest.mark.parametrize("kind", sorted(PROGRAMS))
def test_a_program_that_does_not_exit_after_its_end_is_ended_and_its_work_is_pushed(
    kind: str, api: PlayedApi, tmp: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
):
    after = HOLDS_OUT if kind == "claude-code" else HANGS
    put_program(tmp, kind, MINIATURES[kind], after, monkeypatch)
    report = do(api, tmp, order_for(kind, origin))

    assert (report["outcome"], report["errorMessage"]) == ("succeeded", None), api.text
    assert report["resultSummary"] == "done"
    assert report["agent"]["sessionId"] == "s1"
    assert report["agent"]["turns"] == 2
    assert git("show", f"{report['branch']}:work.txt", cwd=origin) == "done"
    assert "did not exit" in api.text
    assert alive(f"{tmp}/bin") == []


def test_an_end_that_is_an_error_is_that_error_though_the_program_hangs(
    api: PlayedApi, tmp: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
):
    end = {"type": "result", "subtype": "success", "is_error": True, "result": "Overloaded"}
    put_program(
        tmp, "claude-code", json.dumps({**end, "api_error_status": 529}), HANGS, monkeypatch
    )

    report = do(api, tmp, order_for("claude-code", origin))

    assert (report["outcome"], report["errorClass"]) == ("failed", "overloaded")
    assert report["transient"] is True


def test_what_a_program_prints_while_it_is_ended_does_not_replace_its_end(
    api: PlayedApi, tmp: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
):
    late = '{"type":"result","subtype":"error_during_execution","is_error":true}'
    after = f"trap \"printf '%s\\\\n' {shlex.quote(late)}; exit 143\" TERM\nsleep 300 & wait\n"
    put_program(tmp, "claude-code", MINIATURES["claude-code"], after, monkeypatch)

    report = do(api, tmp, order_for("claude-code", origin))

    assert report["outcome"] == "succeeded", api.text
    assert report["resultSummary"] == "done"


def test_a_program_that_begins_new_work_after_its_end_is_left_to_end_it(
    api: PlayedApi, tmp: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
):
    more = '{"type":"assistant","message":{"content":[{"type":"text","text":"one more"}]}}'
    again = MINIATURES["claude-code"].splitlines()[-1].replace('"done"', '"done twice"')
    after = f"echo {shlex.quote(more)}\nsleep 2\necho {shlex.quote(again)}\n"
    put_program(tmp, "claude-code", MINIATURES["claude-code"], after, monkeypatch)

    report = do(api, tmp, order_for("claude-code", origin))

    assert report["outcome"] == "succeeded"
    assert report["resultSummary"] == "done twice"
    assert "did not exit" not in api.text


def test_the_grace_is_cut_short_where_the_time_of_the_run_is_nearly_over():
    parser = AGENTS["claude-code"].make_parser()
    parser.feed_line('{"type":"result","subtype":"success","result":"done"}')

    assert not EndGrace(parser, JobControl(timedelta(minutes=5)), 60).is_over()
    assert EndGrace(parser, JobControl(timedelta(0)), 60).is_over()


def test_the_grace_lasts_30_seconds_unless_an_order_says_otherwise():
    order = JobSpec.from_json(job("true"))

    assert order.end_grace == timedelta(seconds=30)


@pytest.mark.parametrize("kind", sorted(PROGRAMS))
def test_only_the_last_event_of_a_good_run_is_its_end(kind: str):
    parser = AGENTS[kind].make_parser()
    ended = []
    for line in MINIATURES[kind].splitlines():
        parser.feed_line(line)
        ended.append(parser.has_ended)

    assert ended == [False] * (len(ended) - 1) + [True]


def test_without_an_end_there_is_no_grace():
    parser = AGENTS["claude-code"].make_parser()
    grace = EndGrace(parser, JobControl(timedelta(minutes=5)), 0)

    assert not grace.is_over()
    parser.feed_line('{"type":"result","subtype":"success","result":"done"}')
    assert grace.is_over()


def test_a_program_tells_the_time_in_its_own_zone():
    assert time_zone_of({"TZ": "Asia/Seoul"}) == ZoneInfo("Asia/Seoul")
    assert time_zone_of({"TZ": "/etc/passwd"}) == UTC
    assert time_zone_of({"TZ": "Middle/Earth"}) == UTC
    assert time_zone_of({}) is not None
