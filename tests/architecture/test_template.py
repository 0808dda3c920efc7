"""The template is one that CloudFormation takes, as far as its own linter knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.settings import settings
from infra import resources
from infra.package import build

KEY = "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c-0000-4000-8000-000000000000"
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2")


def linted(template: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "cfn-lint"
    argv = [program, "--format", "parseable", "--regions", *REGIONS, "--template", template]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTIO_ALARM_TOPIC", "arn:aws:sns:us-east-1:123456789012:alarms")
        patch.setenv("OPTIO_PUBLIC_URL", "https://optio.example.com")
        patch.setitem(settings.environment, "OPTIO_KMS_KEY", KEY)  # type: ignore[arg-type]
        build(folder)
    return folder / "sam.json"


def test_the_linter_of_cloudformation_finds_nothing(template: Path):
    done = linted(template)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


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


def test_the_linter_would_find_what_is_wrong(template: Path, tmp_path: Path):
    broken = json.loads(template.read_text())
    broken["Resources"]["RunsTable"]["Properties"]["BilingMode"] = "PAY_PER_REQUEST"
    broken["Resources"]["FireQueue"]["Properties"]["VisibilityTimeout"] = "soon"
    (tmp_path / "sam.json").write_text(json.dumps(broken))
    said = linted(tmp_path / "sam.json").stdout
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
    steps = dict.fromkeys(("Fire", "Advance", "Notify"), "Allow")
    assert loops == {**dict.fromkeys(("APIHandler", "Tick", "Settle")), **steps}
