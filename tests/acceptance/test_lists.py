"""Runs found by what they are: in a state, of a repo. And what is done to many of them at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import wiring
from chalicelib.actions.runs import bulk, runs
from chalicelib.domain import limits
from chalicelib.domain.runs.state import State
from chalicelib.storage.records import RunRecord
from chalicelib.web.http.cursors import decode_cursor, encode_cursor
from tests.conftest import RUNNER_TOKEN, Stage


def task(stage: Stage, name: str, repo: str = "acme/web", **more: Any) -> str:
    body = {
        "name": name,
        "prompt": "Go.",
        "repoUrl": repo,
        "agentType": "command",
        "agentCommand": "true",
        **more,
    }
    made: str = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    stage.now += timedelta(seconds=1)
    return made


def listed(stage: Stage, query: str) -> list[str]:
    return [thing["title"] for thing in stage.ok("GET", f"/api/tasks?{query}")["tasks"]]


def failed(stage: Stage) -> str:
    status, answer = stage.call("POST", "/api/runner/claim", {"runner": "r"}, token=RUNNER_TOKEN)
    assert status == 200
    job = answer["job"]
    end = {"runId": job["runId"], "attempt": job["attempt"], "outcome": "failed"}
    assert stage.call("POST", "/api/runner/report", end, token=RUNNER_TOKEN)[0] == 200
    found: str = job["runId"]
    return found


def test_a_run_is_listed_in_its_state_from_the_first_moment_on(stage: Stage):
    for name in ("one", "two", "three"):
        task(stage, name)
    assert listed(stage, "state=queued") == ["three", "two", "one"]

    stage.settle()
    assert listed(stage, "state=queued") == ["three"]
    assert listed(stage, "state=provisioning") == ["two", "one"]

    failed(stage)
    assert listed(stage, "state=failed") == ["one"]
    assert listed(stage, "state=failed&type=workflow-run") == []
    assert listed(stage, "state=failed&type=all") == ["one"]


def test_the_runs_of_a_repo_are_found_by_any_form_of_its_url(stage: Stage):
    for name, repo in (("a", "acme/web"), ("b", "acme/api"), ("c", "acme/web")):
        task(stage, name, repo)
    assert listed(stage, "repoUrl=https%3A%2F%2Fgithub.com%2FAcme%2FWeb.git") == ["c", "a"]
    stage.settle()
    assert listed(stage, "repoUrl=acme/web") == ["c", "a"]
    assert listed(stage, "repoUrl=acme/web&state=failed") == []
    status, answer = stage.call("GET", "/api/tasks?repoUrl=nonsense")
    assert (status, answer["details"][0]["field"]) == (400, "repoUrl")


def test_a_state_is_read_page_by_page_without_loss_or_repeat(stage: Stage):
    names = [task(stage, f"t{number}", f"acme/r{number % 3}") for number in range(7)]
    stage.settle()
    seen: list[str] = []
    for state in ("queued", "provisioning"):
        cursor = ""
        while True:
            page = stage.ok("GET", f"/api/tasks?state={state}&limit=2{cursor}")
            seen += [thing["id"] for thing in page["tasks"]]
            if page["nextCursor"] is None:
                break
            cursor = f"&cursor={page['nextCursor']}"
    assert sorted(seen) == sorted(names)


@given(st.text(min_size=1))
def test_a_cursor_needs_no_quoting_in_a_url_and_leads_back(position: str):
    cursor = encode_cursor(position)
    assert cursor == quote(cursor or "", safe="")
    assert decode_cursor(cursor or "") == position


def test_a_firing_pays_for_no_index_of_states(stage: Stage):
    task_id = task(stage, "fresh")
    row = RunRecord.get(task_id)
    assert (row.in_state, row.of_repo_url) == (None, None)
    stage.settle()
    row = RunRecord.get(task_id)
    assert row.in_state.startswith("repo-task#provisioning#")
    assert row.of_repo_url == "https://github.com/acme/web"


def test_every_failed_run_is_tried_again_by_one_call(stage: Stage):
    for number in range(3):
        task(stage, f"t{number}", f"acme/r{number}")
    stage.settle()
    for _ in range(3):
        failed(stage)

    assert stage.ok("POST", "/api/tasks/bulk/retry-failed") == {"accepted": 3}
    assert stage.ok("POST", "/api/tasks/bulk/retry-failed") == {"accepted": 0}
    assert len(listed(stage, "state=queued")) == 3


def test_all_that_waits_or_works_is_cancelled_by_one_call(stage: Stage):
    names = [task(stage, f"t{number}") for number in range(4)]
    stage.settle()
    stage.call("POST", "/api/runner/claim", {"runner": "r"}, token=RUNNER_TOKEN)

    assert stage.ok("POST", "/api/tasks/bulk/cancel-active") == {"accepted": 4}
    assert stage.ok("POST", "/api/tasks/bulk/cancel-active") == {"accepted": 0}
    stage.settle()
    for name in names:
        assert stage.ok("GET", f"/api/tasks/{name}")["task"]["state"] == "cancelled"
    assert wiring.get_world().run_sets.held_runs("stage") == frozenset()


def test_a_run_that_moves_meanwhile_is_cancelled_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    run, store, raced = task(stage, "fresh"), wiring.get_world().runs, []
    read = store.get

    def get(run_id: str) -> Any:
        found = read(run_id)
        if not raced:
            raced.append(found.state)
            stage.settle()
        return found

    monkeypatch.setattr(store, "get", get)
    runs.cancel_run(wiring.get_world(), run)
    assert raced == [State.QUEUED]
    assert read(run).state is State.CANCELLED


def test_one_call_moves_a_bounded_number(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk, "MAX_RUNS_PER_REQUEST", 2)
    for number in range(5):
        task(stage, f"t{number}")
    done = [stage.ok("POST", "/api/tasks/bulk/cancel-active")["accepted"] for _ in range(4)]
    assert done == [2, 2, 1, 0]


def test_one_call_ends_in_seconds_though_each_cancel_is_slow(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    for number in range(5):
        task(stage, f"t{number}")
    slow = runs.cancel_run

    def cancel(*given: Any) -> Any:
        stage.now += timedelta(seconds=4)
        return slow(*given)

    monkeypatch.setattr(runs, "cancel_run", cancel)
    done = [stage.ok("POST", "/api/tasks/bulk/cancel-active")["accepted"] for _ in range(4)]
    assert done == [2, 2, 1, 0]


@pytest.mark.parametrize("state", list(State))
def test_no_list_by_state_scans_the_table(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, state: State
):
    monkeypatch.setattr(RunRecord, "scan", lambda *_, **__: pytest.fail("a scan"))
    assert listed(stage, f"state={state}") == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/tasks?type=repo-task",
        "/api/tasks?type=standalone",
        "/api/tasks?state=failed",
        "/api/tasks?repoUrl=acme/web",
        "/api/tasks?type=all",
        "/api/prompt-templates?",
        "/api/activity?",
        "/api/auth/api-keys?",
        "/api/jobs?",
    ],
)
def test_a_cursor_that_no_answer_gave_is_refused_and_so_is_one_whose_end_a_url_cut_off(
    stage: Stage, path: str
):
    whole = encode_cursor("2026-05-04T12:00:00.000000Z#a") or ""
    half = encode_cursor("2026-05-04T12:00:00.000000Z") or ""
    for cursor in ("zzz", "2026-05-04T12:00:00.000000Z#", "0", half, f"{whole}=", f"{whole[:-1]}"):
        status, answer = stage.call("GET", f"{path}&cursor={quote(cursor, safe='')}")
        assert (status, [one["field"] for one in answer["details"]]) == (400, ["cursor"])


def test_repos_have_pages_by_their_urls(stage: Stage):
    urls = [f"https://git.example.com/acme/r{number}" for number in range(5)]
    for url in reversed(urls):
        stage.ok("POST", "/api/repos", {"repoUrl": url})

    found: list[str] = []
    cursor = ""
    for _ in range(3):
        page = stage.ok("GET", f"/api/repos?limit=2&cursor={quote(cursor, safe='')}")
        found += [repo["repoUrl"] for repo in page["repos"]]
        cursor = page["nextCursor"]

    assert (found, cursor) == (urls, None)
    assert stage.call("GET", "/api/repos?limit=0")[0] == 400
    status, answer = stage.call("POST", "/api/repos", {"repoUrl": "git://example.com/acme/web"})
    assert (status, answer["details"][0]["field"]) == (400, "repoUrl")


@pytest.mark.parametrize("kind", ["repo-task", "repo-blueprint", "templates"])
def test_a_page_of_heavy_things_ends_early_and_the_next_one_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str
):
    path, name = f"/api/tasks?type={kind}", "tasks"
    for number in range(7):
        if kind == "templates":
            path, name = "/api/prompt-templates?", "promptTemplates"
            body = {"name": f"t{number}", "template": "x" * 9000}
            stage.ok("POST", "/api/prompt-templates", body)
            stage.now += timedelta(seconds=1)
        else:
            task(stage, f"t{number}", type=kind, environment={"LONG": "x" * 4000})
    whole = [one["id"] for one in stage.ok("GET", f"{path}&limit=100")[name]]
    assert len(whole) == 7

    monkeypatch.setattr(limits, "MAX_ANSWER_BYTES", 1_000 if kind == "repo-task" else 10_000)
    read: list[str] = []
    sizes: list[int] = []
    cursor = ""
    while cursor is not None and len(sizes) < 9:
        page = stage.ok("GET", f"{path}&limit=100&cursor={quote(cursor)}")
        read += [one["id"] for one in page[name]]
        sizes.append(len(page[name]))
        cursor = page["nextCursor"]
    assert read == whole
    assert 1 < len(sizes) < 8
