"""Encryption at rest under a KMS key, and policies that refuse connections without TLS.

Without a key of one's own, tables, queues and logs are encrypted under keys that belong to these
services. Their use costs nothing, while each use of a key in the account is a request of KMS. The
bucket and users' secrets use the keys that AWS manages for them in the account.
"""

from __future__ import annotations

from typing import Any

from chalicelib.settings import settings

Template = dict[str, Any]
DATA_KEY_SECONDS = 24 * 3600
"""How long SQS may use a data key: each new one is a call of KMS that is paid for."""


def of_table() -> Template:
    """Return the key of a table: DynamoDB's own, unless one is named."""
    own = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": settings.kms_key}
    return {"SSESpecification": own if settings.kms_key else {"SSEEnabled": False}}


def of_queue() -> Template:
    """Return the key of a queue: that of SQS, unless one is named."""
    if not settings.kms_key:
        return {"SqsManagedSseEnabled": True}
    return {
        "KmsMasterKeyId": settings.kms_key,
        "KmsDataKeyReusePeriodSeconds": DATA_KEY_SECONDS,
    }


def of_bucket() -> Template:
    """Return the key of the bucket: the account's own for S3, unless one is named."""
    own = {"KMSMasterKeyID": settings.kms_key} if settings.kms_key else {}
    rule = {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", **own},
        "BucketKeyEnabled": True,
    }
    return {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}


def of_logs() -> Template:
    """Return the key of a log group: that of CloudWatch, unless one is named."""
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
