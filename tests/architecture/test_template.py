"""The template is one that CloudFormation takes, as far as its own linter knows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.package import build

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
        build(folder)
    return folder / "sam.json"


def test_the_linter_of_cloudformation_finds_nothing(template: Path):
    done = linted(template)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_linter_would_find_what_is_wrong(template: Path, tmp_path: Path):
    broken = json.loads(template.read_text())
    broken["Resources"]["RunsTable"]["Properties"]["BilingMode"] = "PAY_PER_REQUEST"
    broken["Resources"]["FireQueue"]["Properties"]["VisibilityTimeout"] = "soon"
    (tmp_path / "sam.json").write_text(json.dumps(broken))
    said = linted(tmp_path / "sam.json").stdout
    assert "BilingMode" in said
    assert "'soon' is not of type 'integer'" in said
