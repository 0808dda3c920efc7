"""The data key of a stage: a SecureString, which CloudFormation cannot make.

Parameter Store keeps it for nothing, where Secrets Manager asks 40 cents a month.
"""

from __future__ import annotations

import secrets
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.settings import settings
from infra.release.deploy import Target

MANAGED_KEY = "alias/aws/ssm"
RECOVERY_DAYS = 30


def ensure_data_key(target: Target) -> None:
    """Make the key unless there is one; encrypt it under the KMS key that the stage has now."""
    ssm = target.client("ssm")
    wanted = settings.kms_key or MANAGED_KEY
    description = _description(ssm)
    if description is None:
        _put(ssm, _former_value(target) or secrets.token_urlsafe(48), wanted)
    elif description["KeyId"] != wanted:
        answer = ssm.get_parameter(Name=settings.data_key, WithDecryption=True)
        _put(ssm, answer["Parameter"]["Value"], wanted, Overwrite=True)


def delete_former_secret(target: Target) -> None:
    """Delete the secret that held the key of an older stage, so that it is no longer paid for.

    AWS keeps its value for thirty days, in which it can be restored.
    """
    if _former_value(target) is not None:
        target.client("secretsmanager").delete_secret(
            SecretId=_former_name(), RecoveryWindowInDays=RECOVERY_DAYS
        )
        print(f"the secret {_former_name()} is now a parameter: deleted in {RECOVERY_DAYS} days")


def has_data_key(target: Target) -> bool:
    """Return whether the stage has a data key."""
    return _description(target.client("ssm")) is not None


def delete_data_key(target: Target) -> None:
    """Delete the key: what was sealed under it can never be read again."""
    target.client("ssm").delete_parameters(Names=[settings.data_key])


def _description(ssm: Any) -> Any:
    filters = [{"Key": "Name", "Values": [settings.data_key]}]
    pages = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters)
    return next((parameter for page in pages for parameter in page["Parameters"]), None)


def _put(ssm: Any, value: str, key: str, **more: bool) -> None:
    ssm.put_parameter(
        Name=settings.data_key,
        Description="Key of what is sealed in the rows of this stage",
        Value=value,
        Type="SecureString",
        KeyId=key,
        **more,
    )


def _former_name() -> str:
    return settings.data_key.removeprefix("/")


def _former_value(target: Target) -> str | None:
    try:
        answer = target.client("secretsmanager").get_secret_value(SecretId=_former_name())
    except ClientError as error:
        if error.response["Error"]["Code"] in (
            "ResourceNotFoundException",
            "InvalidRequestException",  # it is being deleted
        ):
            return None
        raise
    return str(answer["SecretString"])
