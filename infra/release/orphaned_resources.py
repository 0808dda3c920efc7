"""Orphaned resources: data of a stage that was destroyed, in tables, buckets, logs and keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.settings import settings
from chalicelib.storage.records import TABLE_RECORDS
from infra.release import data_key
from infra.release.deploy import Target

TABLE_DOLLARS, BACKUP_DOLLARS, LOG_DOLLARS = 0.25, 0.20, 0.03
"""Of a GB in a month: in a table, in its point-in-time recovery, in a log group."""
SECRET_DOLLARS = 0.40
AT_ONCE = 1000
"""How many objects S3 deletes by one call."""


@dataclass(frozen=True)
class Leftovers:
    """The names of what is there of a stage, whether its stack is or not."""

    tables: list[str]
    buckets: list[str]
    log_groups: list[str]
    secrets: list[str]
    data_key: bool

    def __str__(self) -> str:
        key = (settings.data_key,) if self.data_key else ()
        names = (*self.tables, *self.buckets, *self.log_groups, *self.secrets, *key)
        return ", ".join(names)

    def __bool__(self) -> bool:
        return bool(str(self))


def of(target: Target) -> Leftovers:
    """Return what is there of a stage, but for the packages that were uploaded for it."""
    tables = {str(table.Meta.table_name) for table in TABLE_RECORDS}
    buckets = {bucket["Name"] for bucket in target.client("s3").list_buckets()["Buckets"]}
    return Leftovers(
        tables=sorted(tables & set(_pages(target, "dynamodb", "list_tables", "TableNames"))),
        buckets=sorted({settings.bucket} & buckets),
        log_groups=[str(group["logGroupName"]) for group in _log_groups(target)],
        secrets=sorted(
            str(secret["Name"])
            for secret in _pages(target, "secretsmanager", "list_secrets", "SecretList")
            if secret["Name"].startswith(f"optio/{settings.stage}/")
        ),
        data_key=data_key.has_data_key(target),
    )


def _log_groups(target: Target) -> list[Any]:
    """Return the description of the group of the runs' logs, if there is one."""
    prefix = {"logGroupNamePrefix": settings.log_group}
    pages = target.client("logs").get_paginator("describe_log_groups").paginate(**prefix)
    groups = (group for page in pages for group in page["logGroups"])
    return [group for group in groups if group["logGroupName"] == settings.log_group]


def describe_costs(target: Target) -> list[str]:
    """Return a line with the monthly cost of each kind of resource that there is of a stage.

    Sizes are those that AWS last counted, some hours ago. Prices are those of us-east-1.
    """
    leftovers, lines = of(target), []
    if leftovers.tables:
        dynamodb = target.client("dynamodb")
        tables = (dynamodb.describe_table(TableName=name)["Table"] for name in leftovers.tables)
        size = sum(int(table.get("TableSizeBytes") or 0) for table in tables)
        cost = _dollars(size, TABLE_DOLLARS + BACKUP_DOLLARS)
        lines.append(
            f"{len(leftovers.tables)} tables with their backups, {_gigabytes(size)}: {cost}"
        )
    lines += [f"the bucket {name}: $0.023 for each GB" for name in leftovers.buckets]
    for group in _log_groups(target):
        size = int(group.get("storedBytes") or 0)
        name, cost = group["logGroupName"], _dollars(size, LOG_DOLLARS)
        lines.append(f"the log group {name}, {_gigabytes(size)}: {cost}")
    if leftovers.secrets:
        number = len(leftovers.secrets)
        lines.append(f"{number} secrets: ${number * SECRET_DOLLARS:.2f}")
    if leftovers.data_key:
        lines.append(f"the parameter {settings.data_key}: $0.00")
    return lines


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.3f} GB"


def _dollars(size: int, price: float) -> str:
    return f"${size / 2**30 * price:.2f}"


def _pages(target: Target, service: str, call: str, name: str) -> Iterator[Any]:
    for page in target.client(service).get_paginator(call).paginate():
        yield from page[name]


def delete(target: Target) -> None:
    """Delete all resources of a stage permanently; those that are gone already are skipped."""
    leftovers = of(target)
    dynamodb = target.client("dynamodb")
    for table in leftovers.tables:
        _delete_table(dynamodb, table)
    for group in leftovers.log_groups:
        target.client("logs").delete_log_group(logGroupName=group)
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
    # A deploy that follows at once makes tables of the same names.
    for table in leftovers.tables:
        dynamodb.get_waiter("table_not_exists").wait(TableName=table)


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
                f"the table {name} does not belong to the stage and holds rows: copy them, and"
                " delete it (docs/guides/operations.md)"
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
    s3.get_waiter("bucket_not_exists").wait(Bucket=name)
