"""Orphaned resources: tables, buckets, secrets and the data key of a stage that was destroyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.settings import settings
from chalicelib.storage.records import TABLE_RECORDS
from infra.release import data_key
from infra.release.deploy import Target

AT_ONCE = 1000
"""How many objects S3 deletes by one call."""


@dataclass(frozen=True)
class Leftovers:
    """The names of what is there of a stage, whether its stack is or not."""

    tables: list[str]
    buckets: list[str]
    secrets: list[str]
    data_key: bool

    def __str__(self) -> str:
        key = (settings.data_key,) if self.data_key else ()
        return ", ".join((*self.tables, *self.buckets, *self.secrets, *key))

    def __bool__(self) -> bool:
        return bool(self.tables or self.buckets or self.secrets or self.data_key)


def of(target: Target) -> Leftovers:
    """Return what is there of a stage, but for the packages that were uploaded for it."""
    tables = {str(table.Meta.table_name) for table in TABLE_RECORDS}
    buckets = {bucket["Name"] for bucket in target.client("s3").list_buckets()["Buckets"]}
    return Leftovers(
        tables=sorted(tables & set(_pages(target, "dynamodb", "list_tables", "TableNames"))),
        buckets=sorted({settings.bucket} & buckets),
        secrets=sorted(
            str(secret["Name"])
            for secret in _pages(target, "secretsmanager", "list_secrets", "SecretList")
            if secret["Name"].startswith(f"optio/{settings.stage}/")
        ),
        data_key=data_key.has_data_key(target),
    )


def _pages(target: Target, service: str, call: str, name: str) -> Iterator[Any]:
    for page in target.client(service).get_paginator(call).paginate():
        yield from page[name]


def delete(target: Target) -> None:
    """Delete all resources of a stage permanently; those that are gone already are skipped."""
    leftovers = of(target)
    for table in leftovers.tables:
        _delete_table(target.client("dynamodb"), table)
    s3 = target.client("s3")
    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in [*leftovers.buckets, *({target.bucket} & buckets)]:
        _delete_bucket(s3, bucket)
    for secret in leftovers.secrets:
        target.client("secretsmanager").delete_secret(
            SecretId=secret, ForceDeleteWithoutRecovery=True
        )
    if leftovers.data_key:
        data_key.delete_data_key(target)


def clear_after_rollback(target: Target) -> None:
    """Delete the empty tables that an upgrade made before it failed: the next one makes them.

    CloudFormation keeps them, as it does every table of ours, and then stumbles over their names.
    """
    deployed = json.dumps(target.template())
    dynamodb = target.client("dynamodb")
    for name in of(target).tables:
        if json.dumps(name) in deployed:
            continue
        if dynamodb.scan(TableName=name, Limit=1)["Items"]:
            raise SystemExit(
                f"the table {name} does not belong to the stage and holds rows: import it into the"
                " stack, or delete it (docs/guides/operations.md)"
            )
        print(f"an upgrade that failed left the table {name}, empty: it is made anew")
        _delete_table(dynamodb, name)
        dynamodb.get_waiter("table_not_exists").wait(TableName=name)


def _delete_table(dynamodb: Any, name: str) -> None:
    table = dynamodb.describe_table(TableName=name)["Table"]
    if table["TableStatus"] == "DELETING":
        return
    if table.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.delete_table(TableName=name)


def _delete_bucket(s3: Any, name: str) -> None:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=name, PaginationConfig={"PageSize": AT_ONCE}
    )
    for page in pages:
        keys = [{"Key": item["Key"]} for item in page.get("Contents", ())]
        if keys:
            s3.delete_objects(Bucket=name, Delete={"Objects": keys, "Quiet": True})
    s3.delete_bucket(Bucket=name)
