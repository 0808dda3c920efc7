"""Secrets Manager keeps the values of users' secrets; a row of ours only knows their names."""

from __future__ import annotations

import time
from datetime import datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws_session
from chalicelib.domain.errors import Conflict

PATIENCE_SECONDS, PAUSE_SECONDS = 12.0, 0.5
MEMORY_SECONDS = 300.0
"""The time for which a value is remembered. Each read of one is a paid call, and one of KMS."""


class SecretsManager:
    """Values by key, below the prefix of a stage."""

    def __init__(self, prefix: str, region: str, kms_key: str = "") -> None:
        self._prefix = prefix
        self._region = region
        self._encrypted = {"KmsKeyId": kms_key} if kms_key else {}

    @cached_property
    def _client(self) -> Any:
        return aws_session.make_client("secretsmanager", region_name=self._region)

    @cached_property
    def _memory(self) -> dict[str, tuple[datetime, float, str]]:
        """Values by key, each with the time of its change and the moment of its read."""
        return {}

    def put(self, key: str, value: str) -> None:
        """Keep a value; what was there before is gone.

        A name that was forgotten is free again after some seconds only, so that is waited for.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._put(f"{self._prefix}{key}", value)
                return
            except ClientError as error:
                made_meanwhile = _error_code(error) == "ResourceExistsException"
                if not (made_meanwhile or _is_being_deleted(error)):
                    raise
                if time.monotonic() > until:
                    raise Conflict("it was deleted a moment ago: try again in a minute") from error
            time.sleep(PAUSE_SECONDS)

    def _put(self, name: str, value: str) -> None:
        try:
            self._client.put_secret_value(SecretId=name, SecretString=value)
        except ClientError as error:
            if _error_code(error) != "ResourceNotFoundException":
                raise
            self._client.create_secret(Name=name, SecretString=value, **self._encrypted)

    def get(self, key: str, changed_at: datetime | None = None) -> str | None:
        """Return a value, None where there is none; remember it if its change has a time."""
        if changed_at is None:
            return self._read(key)
        if key in self._memory:
            of, read_at, value = self._memory[key]
            if of == changed_at and time.monotonic() - read_at < MEMORY_SECONDS:
                return value
        read_at, current = time.monotonic(), self._read(key)
        if current is not None:
            self._memory[key] = (changed_at, read_at, current)
        return current

    def _read(self, key: str) -> str | None:
        try:
            answer = self._client.get_secret_value(SecretId=f"{self._prefix}{key}")
        except ClientError as error:
            if _error_code(error) != "ResourceNotFoundException" and not _is_being_deleted(error):
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
            if _error_code(error) != "ResourceNotFoundException" and not _is_being_deleted(error):
                raise


def _error_code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def _is_being_deleted(error: ClientError) -> bool:
    """Whether a secret is being deleted: that is done some time after it was asked for."""
    message = error.response["Error"].get("Message", "")
    return _error_code(error) == "InvalidRequestException" and "deletion" in message
