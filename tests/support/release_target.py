"""A small stack that is deployed to an account of moto, and a user who answers questions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from infra.release import change_sets, deploy, operator_cli
from infra.release.deploy import Target

QUEUE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}


@pytest.fixture
def target(deployable: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setattr(change_sets, "LOOK_SECONDS", 0.01)
    # moto reads no condition of a bucket's policy: it would refuse us, TLS or not.
    monkeypatch.setattr(deploy, "_made", lambda s3, bucket: s3.create_bucket(Bucket=bucket))
    with mock_aws():
        yield operator_cli.target()


def says(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: word)
