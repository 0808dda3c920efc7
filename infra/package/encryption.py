"""Encryption at rest under a KMS key, and policies that refuse connections without TLS.

Without a key of one's own, each service uses the key that AWS manages for it in the account, which
costs nothing to keep. CloudWatch Logs knows no such key: it encrypts under one of its own.
"""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings

Template = dict[str, Any]
DATA_KEY_SECONDS = 24 * 3600
"""How long SQS may use a data key: each new one is a call of KMS that is paid for."""


def of_table() -> Template:
    own = {"SSEType": "KMS", "KMSMasterKeyId": settings.kms_key} if settings.kms_key else {}
    return {"SSESpecification": {"SSEEnabled": True, **own}}


def of_queue() -> Template:
    return {
        "KmsMasterKeyId": settings.kms_key or "alias/aws/sqs",
        "KmsDataKeyReusePeriodSeconds": DATA_KEY_SECONDS,
    }


def of_bucket() -> Template:
    own = {"KMSMasterKeyID": settings.kms_key} if settings.kms_key else {}
    rule = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", **own},
        "BucketKeyEnabled": True,
    }
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}


def of_logs_or_secret() -> Template:
    return {"KmsKeyId": settings.kms_key} if settings.kms_key else {}


def queue_policy(queue: str) -> Template:
    """Return the policy that refuses callers of a queue without TLS: SQS has one for each."""
    return _policy("AWS::SQS::QueuePolicy", {"Queues": [{"Ref": queue}]}, "sqs:*", [_arn(queue)])


def bucket_policy(bucket: str) -> Template:
    """Return the policy that refuses callers of a bucket without TLS."""
    inside = {"Fn::Sub": f"${{{bucket}.Arn}}/*"}
    targets = {"Bucket": {"Ref": bucket}}
    return _policy("AWS::S3::BucketPolicy", targets, "s3:*", [_arn(bucket), inside])


def _policy(kind: str, targets: Template, actions: str, where: list[Template]) -> Template:
    document = {"Version": "2012-10-17", "Statement": [refused_in_clear(actions, where)]}
    return {"Type": kind, "Properties": {**targets, "PolicyDocument": document}}


def refused_in_clear(actions: str, where: list[Any]) -> Template:
    """Return the statement that denies `actions` to callers without TLS."""
    return {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": where,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _arn(name: str) -> Template:
    return {"Fn::GetAtt": [name, "Arn"]}
