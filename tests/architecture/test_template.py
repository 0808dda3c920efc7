"""The template is one that CloudFormation takes, as far as its own linter knows.

The linter looks into no function and no API of SAM, so it reads what SAM makes of the template.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.settings import settings
from infra.dev.emulator import ROOT
from infra.package import resources
from infra.package.build import build_template

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


def test_the_gateway_has_one_public_stage_whose_methods_are_bounded(template: Path):
    parts = json.loads(translated(template).read_text())["Resources"].values()
    (stage,) = (part["Properties"] for part in parts if part["Type"] == "AWS::ApiGateway::Stage")
    assert stage["StageName"] == "api"
    (bounds,) = stage["MethodSettings"]
    assert (bounds["ResourcePath"], bounds["HttpMethod"]) == ("/*", "*")
    assert bounds["ThrottlingRateLimit"] == settings.request_rate == 200
    assert bounds["ThrottlingBurstLimit"] == settings.request_burst
    assert settings.request_burst >= 500, "a burst of 500 deliveries is no flood"
