"""The process's only connection to DynamoDB: creating a client costs more than a request."""

from __future__ import annotations

import random
import time
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.connection import Connection
from pynamodb.models import Model

from chalicelib import aws_session
from chalicelib.settings import settings
from chalicelib.storage.dynamo.item_size import check_item_size

PATIENCE_SECONDS = 2.0
TRANSACTION_CONFLICT = "TransactionConflictException"


class RetryWindow:
    """A time limit of two seconds for retrying temporary failures, with jitter in between."""

    def __init__(self) -> None:
        self._until = time.monotonic() + PATIENCE_SECONDS

    def wait_briefly(self) -> bool:
        """Wait briefly and return True; return False once the time is over."""
        if time.monotonic() > self._until:
            return False
        time.sleep(random.uniform(0.01, 0.1))
        return True


class SharedConnection(Connection):
    """A connection in the session that all clients of this process share."""

    def __init__(self, region: str, host: str | None = None) -> None:
        super().__init__(
            region=region,
            host=host,
            connect_timeout_seconds=aws_session.CONNECT_SECONDS,
            read_timeout_seconds=aws_session.READ_SECONDS,
            max_retry_attempts=aws_session.MAX_ATTEMPTS - 1,
        )

    def _make_api_call(self, operation_name: str, operation_kwargs: Any) -> Any:
        """Send a request; retry a write while a transaction writes the same item.

        AWS rejects such a write at once, but emulators never do.
        """
        patience = RetryWindow()
        while True:
            try:
                return super()._make_api_call(operation_name, operation_kwargs)
            except ClientError as error:
                if (
                    error.response["Error"].get("Code") != TRANSACTION_CONFLICT
                    or not patience.wait_briefly()
                ):
                    raise

    @property
    def boto_session(self) -> Any:
        return aws_session.shared_session()

    @property
    def boto_client(self) -> Any:
        with aws_session._client_lock:
            return super().client


@cache
def get_connection() -> Connection:
    """Return the connection that all tables and transactions share."""
    return SharedConnection(region=settings.region)


class Row(Model):
    """A row of any table."""

    @classmethod
    def _get_connection(cls) -> Any:
        table = super()._get_connection()
        shared = get_connection()
        if table.connection is not shared:
            if table.table_name not in shared._tables:
                shared.add_meta_table(table.get_meta_table())
            table.connection = shared
        return table

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Put the row; raise `Invalid` if it exceeds the size limit."""
        check_item_size(self)
        return super().save(*args, **kwargs)
