"""The template is one that CloudFormation, IAM and each service take, as far as linters know.

They look into no function and no API of SAM, so they read what SAM makes of the template.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import settings
from infra.dev.emulator import ROOT
from infra.package import resources
from infra.package.build import build_template
from tests.support.aws_requests import calls_of, faults_of, resolved
from tests.support.iam_linter import faults_of_policies

KEY = "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c-0000-4000-8000-000000000000"
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")
TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
whole = json.load(open(sys.argv[1]))
for part in whole["Resources"].values():
    if "CodeUri" in part["Properties"]:
        part["Properties"]["CodeUri"] = {"Bucket": "code", "Key": "zip"}
managed = type("None", (), {"load": dict})
json.dump(transform(whole, {}, managed), open(sys.argv[2], "w"))
"""


def translated(template: Path) -> Path:
    """Write SAM's expansion of a template beside it; SAM is in the emulator's environment."""
    made = template.with_name("translated.json")
    program = ROOT / ".venv-emulator" / "bin" / "python"
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    argv = [program, "-c", TRANSLATE, template, made]
    subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL)
    return made


def lint(*templates: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "cfn-lint"
    files = [translated(template) for template in templates]
    argv = [program, "--format", "parseable", "--regions", *REGIONS, "--template", *files]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTIO_ALARM_TOPIC", "arn:aws:sns:us-east-1:123456789012:alarms")
        patch.setenv("OPTIO_DASHBOARD", "1")
        patch.delenv("OPTIO_PUBLIC_URL", raising=False)  # a circle of references would be found
        patch.setitem(settings.environment, "OPTIO_KMS_KEY", KEY)  # type: ignore[arg-type]
        build_template(folder)
    return folder / "sam.json"


@pytest.fixture(scope="module")
def resources_made(template: Path) -> dict[str, Any]:
    """Return the resources as CloudFormation makes them, after SAM."""
    made: dict[str, Any] = json.loads(translated(template).read_text())["Resources"]
    return made


def faults_by_botocore(made: dict[str, Any], name: str) -> list[str]:
    part = made[name]
    calls = calls_of(part["Type"], resolved(deepcopy(part["Properties"]), made))
    assert calls
    return [fault for call in calls for fault in faults_of(call)]


def test_botocore_takes_the_calls_that_make_each_resource(resources_made: dict[str, Any]):
    found = {name: faults_by_botocore(resources_made, name) for name in resources_made}
    assert {name: faults for name, faults in found.items() if faults} == {}


WRONG = [
    ("RunsTable", ("BillingMode",), "PER_REQUEST", "is none of"),
    ("RunsTable", ("KeySchema", 0, "KeyTyp"), "HASH", "KeyTyp"),
    ("FireQueue", ("VisibilityTimout",), 360, "is none of"),
    ("Fire", ("MemorySize",), "512", "Invalid type"),
    ("FireFireSqsEventSource", ("ScalingConfig", "MaximumConcurrency"), 1, "min value: 2"),
    ("TickTickEvent", ("State",), "ON", "is none of"),
    ("BlobsBucket", ("PublicAccessBlockConfiguration", "BlockAll"), True, "BlockAll"),
    ("FireLogGroup", ("LogGroupName",), "optio fire", "does not match"),
    ("RunnerProject", ("QueuedTimeoutInMinutes",), 1, "min value: 5"),
]


@pytest.mark.parametrize(("name", "place", "value", "said"), WRONG)
def test_botocore_finds_what_is_wrong(
    resources_made: dict[str, Any], name: str, place: tuple[Any, ...], value: object, said: str
):
    broken = deepcopy(resources_made)
    inner = broken[name]["Properties"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert said in " ".join(faults_by_botocore(broken, name))


def test_parliament_finds_nothing_in_the_policy_of_any_role_but_what_is_wrong(
    resources_made: dict[str, Any],
):
    roles = [part for part in resources_made.values() if part["Type"] == "AWS::IAM::Role"]
    assert len(roles) == len(resources.functions()) + 1, "one for each function and for builds"
    policies = [policy["PolicyDocument"] for r in roles for policy in r["Properties"]["Policies"]]
    wrong = [
        ("dynamodb:GetItems", "RunsTable", "UNKNOWN_ACTION"),
        ("dynamodb:GetItem", "FireQueue", "RESOURCE_MISMATCH"),
        ("s3:GetObject", "BlobsBucket", "RESOURCE_MISMATCH"),
    ]
    for action, name, _ in wrong:
        about = {"Fn::GetAtt": [name, "Arn"]}
        statement = {"Effect": "Allow", "Action": action, "Resource": about}
        policies.append({"Version": "2012-10-17", "Statement": [statement]})
    found = faults_of_policies(resolved(policies, resources_made))
    assert found[: -len(wrong)] == [[]] * len(roles)
    for (_, _, said), faults in zip(wrong, found[-len(wrong) :], strict=True):
        assert said in " ".join(faults)


def test_every_function_logs_where_it_is_said_how_long_and_under_which_key(template: Path):
    made = json.loads(template.read_text())["Resources"]
    logs = {}
    for name, part in made.items():
        if part["Type"] == "AWS::Serverless::Function":
            logs[name] = part["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
            kept = made[logs[name]]["Properties"]
            assert kept["RetentionInDays"] == 90
            assert kept["KmsKeyId"] == KEY
            assert not kept["LogGroupName"].startswith("/aws/lambda/"), "Lambda made that one"
    assert len(logs) == len(set(logs.values())) == len(resources.functions())


def test_the_linter_of_cloudformation_finds_nothing_but_what_is_wrong(
    template: Path, tmp_path: Path
):
    broken = json.loads(template.read_text())
    broken["Resources"]["RunsTable"]["Properties"]["BilingMode"] = "PAY_PER_REQUEST"
    broken["Resources"]["FireQueue"]["Properties"]["VisibilityTimeout"] = "soon"
    fire = broken["Resources"]["Fire"]["Properties"]["Events"]["FireSqsEventSource"]["Properties"]
    fire["ScalingConfig"]["MaximumConcurrency"] = 1
    tick = broken["Resources"]["Tick"]["Properties"]
    tick["EventInvokeConfig"]["MaximumEventAgeInSeconds"] = 30
    (tmp_path / "sam.json").write_text(json.dumps(broken))
    ended = lint(template, tmp_path / "sam.json")
    assert not ended.stderr
    assert str(template.parent) not in ended.stdout
    said = ended.stdout
    assert "1 is less than the minimum of 2" in said
    assert "30 is less than the minimum of 60" in said
    assert "BilingMode" in said
    assert "'soon' is not of type 'integer'" in said


def test_a_step_may_send_its_own_next_message_for_ever(template: Path):
    """Emulators do not count how often a message led to another; Lambda ends it after 16."""
    parts = json.loads(template.read_text())["Resources"]
    loops = {
        name: part["Properties"].get("RecursiveLoop")
        for name, part in parts.items()
        if part["Type"] == "AWS::Serverless::Function"
    }
    steps = dict.fromkeys(("Fire", "Advance", "Consult", "Notify"), "Allow")
    assert loops == {**dict.fromkeys(("APIHandler", "Tick", "Settle")), **steps}


def test_the_gateway_has_one_public_stage_whose_methods_are_bounded(
    resources_made: dict[str, Any],
):
    parts = resources_made.values()
    (stage,) = (part["Properties"] for part in parts if part["Type"] == "AWS::ApiGateway::Stage")
    assert stage["StageName"] == "api"
    (bounds,) = stage["MethodSettings"]
    assert (bounds["ResourcePath"], bounds["HttpMethod"]) == ("/*", "*")
    assert bounds["ThrottlingRateLimit"] == settings.request_rate == 200
    assert bounds["ThrottlingBurstLimit"] == settings.request_burst
    assert settings.request_burst >= 500, "a burst of 500 deliveries is no flood"
