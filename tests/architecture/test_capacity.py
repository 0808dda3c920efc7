"""No queue starves the API, webhooks and the tick, however low the concurrency of an account."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from chalicelib.settings import settings
from infra.package import capacity, resources
from infra.release import operator_cli, release


def at_once(limit: int) -> dict[str, int]:
    """Return how many batches of each queue may be worked on at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(settings), "account_concurrency", limit)
        told = {kind: capacity.of_queue(kind) for kind in capacity.SHARES}
    return {kind: one["ScalingConfig"]["MaximumConcurrency"] for kind, one in told.items()}


@given(st.integers(10, 1_000_000))
def test_two_of_ten_places_or_half_of_more_are_never_a_queue_s(limit: int):
    found = at_once(limit)
    assert all(2 <= most <= 1000 for most in found.values()), "Lambda refuses other numbers"
    assert limit - sum(found.values()) >= min(limit - 8, limit // 2 - 1)


def test_each_queue_has_its_limit_in_the_template():
    made = resources.template()["Resources"]
    found = []
    for source in resources.queue_sources():
        name = resources.to_cfn_resource_name(source.name)
        (event,) = made[name]["Properties"]["Events"].values()
        found.append(event["Properties"]["ScalingConfig"]["MaximumConcurrency"])
    assert found == [200, 150, 100, 50]


def test_a_step_that_waits_for_somebody_s_server_keeps_no_other_step_waiting():
    sources = {source.name: source.batch_size for source in resources.queue_sources()}
    assert sources == {"fire": 10, "advance": 1, "consult": 1, "notify": 1}


def test_only_what_comes_again_by_itself_is_not_tried_again():
    made = resources.template()["Resources"]
    told = {
        name: part["Properties"]["EventInvokeConfig"]
        for name, part in made.items()
        if "EventInvokeConfig" in part.get("Properties", {})
    }
    assert told == {"Tick": {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}}


@pytest.mark.parametrize("limit, places", [(10, None), (199, None), (200, 2), (1000, 2)])
def test_the_tick_has_places_of_its_own_where_lambda_keeps_a_hundred_for_others(
    limit: int, places: int | None
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(settings), "account_concurrency", limit)
        made = resources.template()["Resources"]
    reserved = {
        name: part["Properties"]["ReservedConcurrentExecutions"]
        for name, part in made.items()
        if "ReservedConcurrentExecutions" in part.get("Properties", {})
    }
    assert reserved == ({"Tick": places} if places else {})
    assert limit - (places or 0) >= 100 or not places


class Functions:
    def get_account_settings(self) -> dict[str, Any]:
        limit = {"ConcurrentExecutions": 110, "UnreservedConcurrentExecutions": 10}
        return {"AccountLimit": limit}


@pytest.mark.usefixtures("deployable")
@pytest.mark.parametrize("chosen, taken", [("", "10"), ("7", "7")])
def test_a_deploy_asks_the_account_unless_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chosen: str, taken: str
):
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("OPTIO_LAMBDA_LIMIT", chosen)
    vars(settings).pop("account_concurrency", None)
    built = {}

    def build(out: object) -> str:
        built["limit"] = os.environ["OPTIO_LAMBDA_LIMIT"]
        raise InterruptedError

    monkeypatch.setattr(release, "build", build)
    with mock_aws():
        target = operator_cli.target()
        clients = {"lambda": Functions()}
        real = target.client
        monkeypatch.setattr(target, "client", lambda name: clients.get(name) or real(name))
        with pytest.raises(InterruptedError):
            release.deploy(target)
    vars(settings).pop("account_concurrency", None)
    assert built == {"limit": taken}
    assert f"{taken} functions may run at once in this account: a new" in capsys.readouterr().out


def test_whoever_has_enough_is_not_told_to_ask_for_more():
    assert capacity.sentence(1000) == "1000 functions may run at once in this account"
