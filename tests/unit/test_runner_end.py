"""A program that has printed its structured end and does not exit."""

from __future__ import annotations

import json
import os
import shlex
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.integrations.agents import AGENTS
from chalicelib.runner.agent import EndGrace, zone_of
from chalicelib.runner.control import Control
from chalicelib.runner.order import Order
from tests.unit.played import PlayedApi, alive, do, git, job
from tests.unit.test_agents_streams import MINIATURES

PROGRAMS = {
    "claude-code": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
    "copilot": "copilot",
}
KEYS = {"OPENAI_API_KEY": "sk-0123456789", "ANTHROPIC_API_KEY": "sk-9876543210"}
HANGS = "sleep 300 & wait\n"
HOLDS_OUT = "trap '' TERM\n(trap '' TERM; while :; do sleep 1; done) &\nwhile :; do sleep 1; done\n"


def put_program(
    tmp: Path, kind: str, stream: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a program into the PATH: it changes the repo, prints `stream` and does `after`."""
    folder = tmp / "bin"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    printed = "\n".join(f"printf '%s\\n' {shlex.quote(line)}" for line in stream.splitlines())
    script = folder / PROGRAMS[kind]
    script.write_text(
        '#!/bin/bash\n[ "$1" = --version ] && { echo 1.0; exit; }\n'
        f"echo done > work.txt\n{printed}\n{after}"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def order_for(kind: str, origin: Path, **changes: Any) -> dict[str, Any]:
    agent = {"type": kind, "command": None, "model": None, "maxTurns": None}
    return job("", origin, **{"agent": agent, "secrets": KEYS, "endGraceSeconds": 0.5, **changes})


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
    parser = AGENTS["claude-code"].parser()
    parser.feed('{"type":"result","subtype":"success","result":"done"}')

    assert not EndGrace(parser, Control(timedelta(minutes=5)), 60).is_over()
    assert EndGrace(parser, Control(timedelta(0)), 60).is_over()


def test_the_grace_lasts_30_seconds_unless_an_order_says_otherwise():
    order = Order.of(job("true"))

    assert order.end_grace == timedelta(seconds=30)


@pytest.mark.parametrize("kind", sorted(PROGRAMS))
def test_only_the_last_event_of_a_good_run_is_its_end(kind: str):
    parser = AGENTS[kind].parser()
    ended = []
    for line in MINIATURES[kind].splitlines():
        parser.feed(line)
        ended.append(parser.ended)

    assert ended == [False] * (len(ended) - 1) + [True]


def test_without_an_end_there_is_no_grace():
    parser = AGENTS["claude-code"].parser()
    grace = EndGrace(parser, Control(timedelta(minutes=5)), 0)

    assert not grace.is_over()
    parser.feed('{"type":"result","subtype":"success","result":"done"}')
    assert grace.is_over()


def test_a_program_tells_the_time_in_its_own_zone():
    assert zone_of({"TZ": "Asia/Seoul"}) == ZoneInfo("Asia/Seoul")
    assert zone_of({"TZ": "/etc/passwd"}) == UTC
    assert zone_of({"TZ": "Middle/Earth"}) == UTC
    assert zone_of({}) is not None
