"""All stored data of the template are encrypted, can be restored, and are reached over TLS only."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.settings import settings
from chalicelib.storage.records import TABLE_RECORDS
from infra.package import resources
from tests.support.watched import watched_resources

Part = dict[str, Any]
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f1e2d3c"
KEEPS_NOTHING = {
    *("AWS::CodeBuild::Project", "AWS::IAM::Role"),
    *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter"),
    *("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"),
}
"""Kinds of resources that hold no data of a user's."""


def table(name: str, part: Part, key: str) -> None:
    kept = part["Properties"]
    own = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    assert kept["SSESpecification"] == (own if key else {"SSEEnabled": False})  # a key of DynamoDB
    assert kept["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert kept["DeletionProtectionEnabled"] is True
    assert retained(part)


def queue(name: str, part: Part, key: str) -> None:
    assert part["Properties"].get("KmsMasterKeyId", "") == key
    assert part["Properties"].get("SqsManagedSseEnabled", False) is not bool(key)


def bucket(name: str, part: Part, key: str) -> None:
    (rule,) = part["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    own = {"KMSMasterKeyID": key} if key else {}
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", **own}
    assert set(part["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert retained(part)


def log_group(name: str, part: Part, key: str) -> None:
    assert part["Properties"].get("KmsKeyId", "") == key
    assert part["Properties"]["RetentionInDays"] <= 365


KEEPS = {
    "AWS::DynamoDB::Table": table,
    "AWS::SQS::Queue": queue,
    "AWS::S3::Bucket": bucket,
    "AWS::Logs::LogGroup": log_group,
}


def retained(part: Part) -> bool:
    return part["DeletionPolicy"] == part["UpdateReplacePolicy"] == "Retain"


def parts() -> dict[str, Part]:
    """Return the resources of the template; what has no type only adds to one of chalice's."""
    made = resources.template()["Resources"]
    return {name: part for name, part in made.items() if "Type" in part}


@pytest.mark.parametrize("key", ["", KEY], ids=["keys of AWS", "a key of one's own"])
def test_everything_that_is_kept_is_encrypted_and_retained(
    monkeypatch: pytest.MonkeyPatch, key: str
):
    monkeypatch.setitem(settings.environment, "OPTIO_KMS_KEY", key)  # type: ignore[arg-type]
    kinds = {part["Type"] for part in (parts() | watched_resources()).values() if "Type" in part}
    assert kinds >= set(KEEPS)
    assert kinds <= set(KEEPS) | KEEPS_NOTHING, "say of a new kind whether it keeps data"
    for name, part in parts().items():
        if part["Type"] in KEEPS:
            KEEPS[part["Type"]](name, part, key)


def test_nobody_comes_to_a_queue_or_to_the_bucket_without_tls():
    policies = ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy")
    guarded = set()
    for part in parts().values():
        if part["Type"] in policies:
            (statement,) = part["Properties"]["PolicyDocument"]["Statement"]
            assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
            assert statement["Action"] in ("sqs:*", "s3:*")
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            guarded |= {json.dumps(one) for one in statement["Resource"]}
            # SQS: "Each policy must cover only a single queue".
            assert len(part["Properties"].get("Queues", [""])) == 1
            assert len(statement["Resource"]) == 1 or "Bucket" in part["Properties"]
    for name, part in parts().items():
        if part["Type"] in ("AWS::SQS::Queue", "AWS::S3::Bucket"):
            assert json.dumps({"Fn::GetAtt": [name, "Arn"]}) in guarded, name


@pytest.mark.parametrize("days, kept", [(4, 5), (90, 90), (91, 120), (366, 400), (3650, 3653)])
def test_the_log_of_a_run_is_kept_for_as_long_as_the_run(
    monkeypatch: pytest.MonkeyPatch, days: int, kept: int
):
    monkeypatch.setitem(vars(settings), "retention", timedelta(days=days))
    assert parts()["RunsLogGroup"]["Properties"]["RetentionInDays"] == kept
    assert parts()["FireLogGroup"]["Properties"]["RetentionInDays"] == 90


def test_rows_that_end_are_removed_by_the_table_itself():
    made = {part["Properties"].get("TableName"): part["Properties"] for part in parts().values()}
    ends = [one for one in TABLE_RECORDS if "expires_at" in one.get_attributes()]
    assert len(ends) > 2
    for one in ends:
        told = made[one.Meta.table_name]["TimeToLiveSpecification"]
        assert told == {"AttributeName": "expires_at", "Enabled": True}
