"""`make deploy` and `make destroy`: a stage comes to an AWS account, and goes again."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from chalicelib.settings import settings
from chalicelib.storage.records import TABLES
from infra import indexes
from infra.changes import ChangeSet, Undeployable, carry_out, propose
from infra.deploy import Target
from infra.indexes import Template
from infra.package import ROOT, build

STAGE_NAME = re.compile(r"^[a-z][a-z0-9-]{0,19}$")
SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}


def main() -> None:
    """Deploy or destroy the stage that STAGE names."""
    stage = os.environ.get("STAGE", "")
    if not STAGE_NAME.match(stage):
        raise SystemExit("say STAGE=name: a small letter, then up to 19 of a-z, 0-9 and -")
    target = Target(os.environ.get("AWS_ENDPOINT_URL"), stage)
    print(f"stage {stage}: account {target.account}, region {settings.region}")
    # The names of buckets are shared by all accounts there are.
    os.environ.setdefault("OPTIO_BUCKET", f"optio-{stage}-{target.account}-blobs")
    try:
        {"deploy": deploy, "destroy": destroy}[sys.argv[1]](target)
    except Undeployable as error:
        raise SystemExit(f"not deployed: {error}") from None


def deploy(target: Target) -> None:
    """Package, show what would change, ask, do it; print the first key once."""
    if not target.exists():
        _check_nothing_is_left(target)
    package = ROOT / "build" / "package"
    digest = build(package)
    size = (package / "deployment.zip").stat().st_size / 2**20
    print(
        f"package {digest[:12]}, {size:.1f} MB, Python {sys.version_info[0]}.{sys.version_info[1]}"
    )
    upgrade(target, target.upload(package, digest), {"package": digest})
    _tell(target)


def upgrade(target: Target, wanted: Template, tags: Mapping[str, str]) -> None:
    """Deploy a template, in several steps where several indexes of a table change."""
    steps = indexes.way(target.template(), wanted)
    if len(steps) > 1:
        print(f"{len(steps)} steps: DynamoDB changes one index of a table at a time")
    before = target.tags()
    for number, template in enumerate(steps, 1):
        changes = propose(target, template, tags if number == len(steps) else before or tags)
        if changes is None:
            print("nothing to do: this is deployed")
            continue
        if len(steps) > 1:
            print(f"step {number} of {len(steps)}")
        show(changes)
        _confirm("Deploy?", "y")
        carry_out(target, changes)


def show(changes: ChangeSet) -> None:
    """Print what becomes of each resource; what would be replaced loses what it holds."""
    for step in sorted(changes.steps, key=lambda step: (step.action, step.kind, step.name)):
        loss = "   REPLACED: what it holds is lost" if step.replaced else ""
        print(f"  {SIGNS.get(step.action, '?')} {step.name} ({step.kind}){loss}")


def _check_nothing_is_left(target: Target) -> None:
    """Tell about tables that an earlier stage left, before CloudFormation stumbles over them."""
    there = set(target.client("dynamodb").list_tables()["TableNames"])
    left = sorted({str(table.Meta.table_name) for table in TABLES} & there)
    if left:
        raise SystemExit(
            f"an earlier stage left {', '.join(left)}: import them into a stack of this name, or "
            "delete them with `make destroy DATA=delete` (docs/operations.md)"
        )


def _tell(target: Target) -> None:
    target.note_start()
    print(f"\n  {target.outputs()['EndpointURL'].rstrip('/').removesuffix('/api')}")
    if not target.has_keys():
        print(f"  first admin key, shown this once: {target.make_admin_key()}")
    print("  next: `optio login`, `optio doctor`")


def _confirm(question: str, wanted: str) -> None:
    if os.environ.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise SystemExit("nobody can be asked here: set YES=1")
    if input(f"{question} [{wanted}] ").strip() != wanted:
        raise SystemExit("nothing was changed")


def destroy(target: Target) -> None:
    """Remove a stage; its data stay, unless DATA=delete."""
    data = os.environ.get("DATA") == "delete"
    fate = "its data are DELETED, too" if data else "tables, blobs and keys stay"
    print(f"the stack {target.stack} is removed; {fate}")
    _confirm("Write the name of the stage to go on:", target.stack.removeprefix("optio-"))
    if target.exists():
        formation = target.client("cloudformation")
        formation.delete_stack(StackName=target.stack)
        formation.get_waiter("stack_delete_complete").wait(StackName=target.stack)
    if data:
        _delete_data(target)
    print("done")


def _delete_data(target: Target) -> None:
    dynamodb, s3 = target.client("dynamodb"), target.client("s3")
    there = set(dynamodb.list_tables()["TableNames"])
    for table in TABLES:
        if table.Meta.table_name in there:
            name = table.Meta.table_name
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.delete_table(TableName=name)
    kept = {one["Name"] for one in s3.list_buckets()["Buckets"]}
    for bucket in {settings.bucket, target.bucket} & kept:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for one in page.get("Contents", ()):
                s3.delete_object(Bucket=bucket, Key=one["Key"])
        s3.delete_bucket(Bucket=bucket)
    keys = target.client("secretsmanager")
    for page in keys.get_paginator("list_secrets").paginate():
        for one in page["SecretList"]:
            if one["Name"].startswith(f"optio/{settings.stage}/"):
                keys.delete_secret(SecretId=one["ARN"], ForceDeleteWithoutRecovery=True)


if __name__ == "__main__":
    main()
