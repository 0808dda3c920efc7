"""The one connection to DynamoDB of this process: making a client costs more than a request."""

from __future__ import annotations

from functools import cache
from typing import Any

from pynamodb.connection import Connection
from pynamodb.models import Model

from chalicelib import aws
from chalicelib.settings import settings


class Shared(Connection):
    """A connection in the session that all clients of this process share."""

    @property
    def session(self) -> Any:
        return aws.session()

    @property
    def client(self) -> Any:
        with aws.making:
            return super().client


@cache
def connection() -> Connection:
    """Return the connection that all tables and transactions share."""
    return Shared(region=settings.region)


class Row(Model):
    """A row of any table."""

    @classmethod
    def _get_connection(cls) -> Any:
        table = super()._get_connection()
        shared = connection()
        if table.connection is not shared:
            if table.table_name not in shared._tables:
                shared.add_meta_table(table.get_meta_table())
            table.connection = shared
        return table
