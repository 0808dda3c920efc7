"""Quotas of AWS for a whole stage, which emulators do not enforce."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from chalicelib.settings import settings
from chalicelib.web.fallback import CATCH_ALL
from infra.package import resources
from tests.support.policies import FUNCTIONS, statements

STAGE, REGION, ACCOUNT, PARTITION = "s" * 20, "ap-southeast-1", "1" * 12, "aws-us-gov"
"""The longest that there are."""
INLINE_POLICIES = 10_240
"""Characters of all inline policies of a role, blanks not counted."""
API_RESOURCES = 300
"""Parts of paths of one API."""


def arn(service: str, name: str) -> str:
    place = "::" if service == "s3" else f":{REGION}:{ACCOUNT}:"
    return f"arn:{PARTITION}:{service}{place}{name}"


def arn_of(part: dict[str, Any]) -> str:
    kept = part["Properties"]
    longest = {
        "AWS::DynamoDB::Table": lambda: arn("dynamodb", f"table/{kept['TableName']}"),
        "AWS::SQS::Queue": lambda: arn("sqs", kept["QueueName"]),
        "AWS::S3::Bucket": lambda: arn("s3", "b" * 63),
        "AWS::Logs::LogGroup": lambda: arn("logs", f"log-group:{kept['LogGroupName']}:*"),
        "AWS::CodeBuild::Project": lambda: arn("codebuild", f"project/{kept['Name']}"),
    }
    return longest[part["Type"]]()


def rendered(value: Any, parts: dict[str, Any]) -> Any:
    """Return a policy as it reaches IAM, with names of resources instead of references."""
    if isinstance(value, list):
        return [rendered(one, parts) for one in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        text = re.sub(r"\$\{(\w+)\.Arn\}", lambda found: arn_of(parts[found[1]]), value["Fn::Sub"])
        given = {"Partition": PARTITION, "Region": REGION, "AccountId": ACCOUNT}
        text = re.sub(r"\$\{AWS::(\w+)\}", lambda found: given[found[1]], text)
        return text.replace("@stage@", STAGE)
    if "Fn::GetAtt" in value or "Ref" in value:
        return arn_of(parts[value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]])
    return {name: rendered(one, parts) for name, one in value.items()}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_the_policy_of_a_function_is_one_that_iam_takes(function: str):
    made = json.dumps(resources.template()["Resources"])
    parts = json.loads(made.replace(f"optio-{settings.stage}-", f"optio-{STAGE}-"))
    policy = {"Version": "2012-10-17", "Statement": rendered(statements(function), parts)}
    assert len(re.sub(r"\s", "", json.dumps(policy))) < INLINE_POLICIES


def test_the_api_has_as_many_parts_of_paths_as_a_gateway_takes_and_one_variable_at_each_place():
    below = defaultdict(set)
    for path in [*resources.app.routes, CATCH_ALL]:
        parts = [part for part in path.split("/") if part]
        for depth, part in enumerate(parts):
            below[tuple(parts[:depth])].add(part)
    assert 1 + sum(map(len, below.values())) < API_RESOURCES
    twice = {
        "/".join(place): variables
        for place, parts in below.items()
        if len(variables := {part for part in parts if part.startswith("{")}) > 1
    }
    assert not twice, "a gateway takes one variable at a place, whatever it is called"


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_message_is_hidden_for_as_long_as_its_step_could_take_six_times(function: str):
    if function in {source.name for source in resources.queue_sources()}:
        assert FUNCTIONS[function]["lambda_timeout"] == resources.STEP_TIMEOUT_SECONDS
    assert resources.VISIBILITY_SECONDS == 6 * resources.STEP_TIMEOUT_SECONDS
