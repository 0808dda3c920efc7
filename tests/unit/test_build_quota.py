"""The deploy reports how many builds the account may run at once."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from chalicelib.domain.pool import ComputeType
from infra.release.build_quota import describe_build_quota


def quota_client(value: float | None, error: str = "") -> tuple[Any, Stubber]:
    """Return a client whose second page has the quota of medium machines, or which fails."""
    client = botocore.session.get_session().create_client(
        "service-quotas",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    stubber = Stubber(client)
    if error:
        stubber.add_client_error("list_service_quotas", error)
        return client, stubber
    other = {"QuotaName": "Build projects", "Value": 5000.0}
    name = "Concurrently running builds for Linux/Medium environment"
    quotas = [] if value is None else [{"QuotaName": name, "Value": value}]
    stubber.add_response("list_service_quotas", {"Quotas": [other], "NextToken": "next"})
    stubber.add_response("list_service_quotas", {"Quotas": quotas})
    return client, stubber


@pytest.mark.parametrize(
    "value, wanted, said",
    [
        (5.0, 5, "5 builds of Linux/Medium may run at once in this account"),
        (0.0, 5, "but this stage starts up to 5: the others wait. Raise 'Concurrently running"),
        (None, 5, "is not listed here: see Service Quotas, AWS CodeBuild"),
    ],
)
def test_the_quota_is_compared_with_what_the_stage_may_start(
    value: float | None, wanted: int, said: str
):
    client, stubber = quota_client(value)
    with stubber:
        assert said in describe_build_quota(client, "BUILD_GENERAL1_MEDIUM", wanted)


def test_a_deploy_goes_on_where_the_quota_may_not_be_read():
    client, stubber = quota_client(None, "AccessDeniedException")
    with stubber:
        sentence = describe_build_quota(client, "BUILD_GENERAL1_MEDIUM", 5)
    assert "could not be read" in sentence
    assert "AccessDenied" in sentence


@pytest.mark.parametrize("compute_type", list(ComputeType))
def test_each_machine_has_the_name_of_its_quota(compute_type: ComputeType):
    client, stubber = quota_client(None)
    with stubber:
        assert "Linux/" in describe_build_quota(client, compute_type, 1)
