"""Secrets Manager keeps the values of users' secrets; a row of ours only knows their names."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws


class SecretsManager:
    """Values by key, below the prefix of a stage."""

    def __init__(self, prefix: str, region: str, kms_key: str = "") -> None:
        self._prefix = prefix
        self._region = region
        self._encrypted = {"KmsKeyId": kms_key} if kms_key else {}

    @cached_property
    def _client(self) -> Any:
        return aws.client("secretsmanager", region_name=self._region)

    def put(self, key: str, value: str) -> None:
        """Keep a value; what was there before is gone."""
        name = f"{self._prefix}{key}"
        for _ in range(2):
            try:
                self._client.put_secret_value(SecretId=name, SecretString=value)
                return
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
            try:
                self._client.create_secret(Name=name, SecretString=value, **self._encrypted)
                return
            except ClientError as error:
                # Somebody else made it between our two calls.
                if error.response["Error"]["Code"] != "ResourceExistsException":
                    raise

    def get(self, key: str) -> str | None:
        """Return a value, None where there is none."""
        try:
            answer = self._client.get_secret_value(SecretId=f"{self._prefix}{key}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
        value: str = answer["SecretString"]
        return value

    def remove(self, key: str) -> None:
        """Forget a value at once, so that its name is free again."""
        try:
            self._client.delete_secret(
                SecretId=f"{self._prefix}{key}", ForceDeleteWithoutRecovery=True
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
