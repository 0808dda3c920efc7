"""Each function does what its policy allows, and is stopped at anything else."""

from __future__ import annotations

import ast
import threading
from datetime import timedelta
from functools import cache

import pytest

from chalicelib.storage.dynamo.parallel import MAX_PARALLEL_READS, run_parallel
from infra.package import resources
from tests.conftest import Stage
from tests.support import policies, rights
from tests.support.browser import Browser

RESOURCES = resources.template()["Resources"]
QUEUES = ("Fire", "Steps", "Remote", "Notify")


def test_a_schedule_fires_and_its_run_moves_with_no_right_beside_those_of_the_policies(
    stage: Stage,
):
    before = {right: set(stories) for right, stories in rights.used.items()}
    trigger = {"type": "schedule", "config": {"cronExpression": "* * * * *"}}
    task = {"type": "standalone", "name": "N", "prompt": "P", "triggers": [trigger]}
    made = stage.ok("POST", "/api/tasks", task)
    stage.pass_time(timedelta(minutes=3))
    assert stage.ok("GET", f"/api/tasks/{made['task']['id']}/runs")["runs"]

    seen = {right for right, stories in rights.used.items() if stories != before.get(right)}
    assert {function for function, *_ in seen} >= {"api_handler", "tick", "fire", "advance"}
    assert seen <= rights.all_granted()


def test_a_link_that_signs_in_needs_no_right_that_the_api_has_not(stage: Stage):
    path = stage.ok("POST", "/api/auth/sign-in-links")["path"]
    assert Browser(stage).use_link(path).status == 303


def test_a_right_that_is_missing_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rights, "_granted", lambda function: frozenset())
    assert stage.call("GET", "/api/tasks")[0] == 500
    assert ("api_handler", "dynamodb:GetItem", "KeysTable") in rights.denied
    rights.denied.clear()  # else the stage would fail at its end


def test_a_right_that_a_thread_lacks_is_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    stage.ok("GET", "/api/tasks")  # the keys are known to be there
    few = policies.granted("api_handler") - {("dynamodb:Query", "RunsTable/index/newest")}
    monkeypatch.setattr(rights, "_granted", lambda function: frozenset(few))
    assert stage.call("GET", "/api/tasks")[0] == 500
    # All threads meet here, so the reads that were still under way have ended.
    run_parallel([threading.Barrier(MAX_PARALLEL_READS).wait] * MAX_PARALLEL_READS)
    assert rights.denied == {("api_handler", "dynamodb:Query", "RunsTable/index/newest")}
    rights.denied.clear()


def test_each_right_is_one_that_a_story_needs_and_none_lacks():
    assert rights.recorded().keys() == rights.all_granted(), "let `make rights ALL=1` look again"


def test_each_story_that_needs_a_right_is_there():
    for story in set(rights.recorded().values()):
        file, _, name = story.partition("::")
        assert name in _tests_of(file), story


@cache
def _tests_of(file: str) -> set[str]:
    tree = ast.parse((rights.ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.slow
def test_the_stories_need_each_right_that_is_granted():
    passed, noted = rights.prove(sorted(set(rights.recorded().values())))
    assert passed
    assert noted.keys() == rights.all_granted()


@pytest.mark.parametrize("function", policies.FUNCTIONS)
def test_lambda_may_read_the_functions_own_queue_and_write_its_own_log_alone(function: str):
    of_lambda = policies.of_lambda(function)
    assert of_lambda <= policies.granted(function)
    others = policies.granted(function) - of_lambda
    if function == "api_handler":  # it tells how many dead letters there are, and reads none
        others -= {("sqs:GetQueueAttributes", f"{kind}DeadLetters") for kind in QUEUES}
    assert not [right for right in others if right[0] in policies.READS or "log of" in right[1]]


@pytest.mark.parametrize("function", policies.FUNCTIONS)
def test_each_statement_is_about_one_thing_so_that_none_grants_by_the_way(function: str):
    about = [
        tuple(dict.fromkeys(name.partition("/index/")[0] for name in policies.names(one)))
        for one in policies.statements(function)
    ]
    assert all(len(things) == 1 for things in about)
    for one in policies.statements(function):
        names = policies.names(one)
        assert len(names) == 1 or one["Action"] == ["dynamodb:Query"]


@pytest.mark.parametrize("function", policies.FUNCTIONS)
def test_each_thing_that_a_policy_names_is_in_the_template(function: str):
    for name in {name for one in policies.statements(function) for name in policies.names(one)}:
        thing, _, index = name.partition("/index/")
        if name in ("secrets/*", "data-key", resources.NOTIFY_MAPPING):
            # made by the service, by the deploy, and by SAM
            continue
        found = RESOURCES[thing.removesuffix("/*")]
        if index:
            indexes = found["Properties"]["GlobalSecondaryIndexes"]
            assert index in {one["IndexName"] for one in indexes}
