"""The data key of a stage is made by the deploy, once, and is never lost by a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from moto import mock_aws

from chalicelib.integrations.aws.encryption import StageEncryption
from chalicelib.settings import settings
from infra.release import change_sets, data_key, deploy, operator_cli, orphaned_resources, release
from infra.release.deploy import Target

QUEUE = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c"


@pytest.fixture
def target(deployable: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("YES", "1")
    monkeypatch.setattr(change_sets, "LOOK_SECONDS", 0.01)
    # moto reads no condition of a bucket's policy: it would refuse us, TLS or not.
    monkeypatch.setattr(deploy, "_made", lambda s3, bucket: s3.create_bucket(Bucket=bucket))
    with mock_aws():
        yield operator_cli.target()


def kept(target: Target) -> dict[str, Any]:
    ssm = target.client("ssm")
    found: dict[str, Any] = ssm.get_parameter(Name="/optio/test/data-key", WithDecryption=True)
    return found["Parameter"]


def key_of(target: Target) -> str:
    (told,) = target.client("ssm").describe_parameters()["Parameters"]
    return str(told["KeyId"])


def encryption() -> StageEncryption:
    return StageEncryption(settings.data_key, "us-east-1")


def test_a_deploy_makes_the_key_before_the_functions_that_read_it_and_only_once(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    real = release.carry_out

    def carry_out(target: Target, changes: Any) -> None:
        seen.append(kept(target)["Value"])
        real(target, changes)

    monkeypatch.setattr(release, "carry_out", carry_out)
    release.upgrade(target, QUEUE)
    release.upgrade(target, {"Resources": {**QUEUE["Resources"], "B": QUEUE["Resources"]["Queue"]}})
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert len(seen[0]) >= 64
    assert kept(target)["Type"] == "SecureString"
    assert key_of(target) == "alias/aws/ssm"


def test_a_deploy_that_is_declined_makes_no_key(target: Target, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("YES")
    with pytest.raises(SystemExit):
        release.upgrade(target, QUEUE)
    assert not data_key.has_data_key(target)


def test_what_was_sealed_opens_after_the_key_has_moved_from_the_secret_of_an_older_stage(
    target: Target,
):
    vault = target.client("secretsmanager")
    vault.create_secret(Name="optio/test/data-key", SecretString="an older key")
    data_key.ensure_data_key(target)
    assert kept(target)["Value"] == "an older key"
    sealed = encryption().encrypt_secret("a secret", "about")
    data_key.delete_former_secret(target)
    data_key.delete_former_secret(target)
    data_key.ensure_data_key(target)
    assert encryption().decrypt_secret(sealed, "about") == "a secret"
    told = vault.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert [one["Name"] for one in told if "DeletedDate" in one] == ["optio/test/data-key"]


def test_a_stage_that_names_a_key_of_kms_has_its_data_key_encrypted_under_that(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    data_key.ensure_data_key(target)
    before = kept(target)["Value"]
    monkeypatch.setenv("OPTIO_KMS_KEY", KEY)
    data_key.ensure_data_key(target)
    assert key_of(target) == KEY
    assert kept(target)["Value"] == before


def test_a_stage_without_its_data_is_without_its_key(target: Target):
    data_key.ensure_data_key(target)
    orphaned_resources.delete(target)
    assert not orphaned_resources.of(target)


def test_a_burst_of_new_processes_waits_for_parameter_store_instead_of_failing(
    monkeypatch: pytest.MonkeyPatch,
):
    """It answers 40 reads a second of an account, and refuses the others."""
    refusal = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    answers = [*[refusal] * 5, (200, {"Parameter": {"Value": "the key"}})]

    def send(self: URLLib3Session, request: Any) -> AWSResponse:
        status, told = answers.pop(0)
        answer = AWSResponse("https://ssm", status, {"content-type": "application/json"}, None)
        answer._content = json.dumps(told).encode()
        return answer

    monkeypatch.setattr(URLLib3Session, "send", send)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    assert len(encryption().sign_text("text")) == 64
    assert answers == []
