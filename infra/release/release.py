"""`make deploy` and `make destroy`: a stage comes to an AWS account, and goes again."""

from __future__ import annotations

import os
import sys

from chalicelib.domain.pool import Pool
from chalicelib.settings import settings
from infra.package import capacity
from infra.package.build import ROOT, build
from infra.release import (
    build_quota,
    data_key,
    indexes,
    notify_reader,
    operator_cli,
    orphaned_resources,
)
from infra.release.change_sets import (
    ChangeSet,
    Step,
    Undeployable,
    carry_out,
    propose,
    remove,
    withdraw,
)
from infra.release.deploy import PROPOSED, Target
from infra.release.indexes import Template

SIGNS = {"Add": "+", "Modify": "~", "Remove": "-"}
HOLD_DATA = (
    *("AWS::DynamoDB::Table", "AWS::S3::Bucket"),
    *("AWS::Logs::LogGroup", "AWS::SQS::Queue"),
)
NEVER_UP = ("CREATE_FAILED", "ROLLBACK_FAILED", "ROLLBACK_COMPLETE")


def main() -> None:
    """Deploy or destroy the stage that STAGE names, or make a key of it."""
    with operator_cli.plainly():
        target = operator_cli.target()
        print(f"stage {settings.stage}: account {target.account}, region {settings.region}")
        # A bucket's name is shared by all accounts and regions that there are.
        account_and_region = f"{target.account}-{settings.region}"
        os.environ.setdefault("OPTIO_BUCKET", f"{target.stack}-{account_and_region}-blobs")
        try:
            {"deploy": deploy, "destroy": destroy, "key": key}[sys.argv[1]](target)
        except Undeployable as error:
            raise SystemExit(f"not done: {error}") from None


def deploy(target: Target) -> None:
    """Package, show what would change, ask, do it; print the first key once."""
    if settings.file_repos:
        raise Undeployable(
            "OPTIO_ALLOW_FILE_REPOS lets members read the directories of a runner's machine: it is"
            " for `make dev` alone. Unset it"
        )
    _check_state(target)
    if target.exists():
        orphaned_resources.clear_after_rollback(target)
    else:
        _check_nothing_is_left(target)
    if not os.environ.get("OPTIO_LAMBDA_LIMIT"):
        os.environ["OPTIO_LAMBDA_LIMIT"] = str(capacity.limit_of(target.client("lambda")))
    print(capacity.sentence(settings.account_concurrency))
    if settings.runner == Pool.CODEBUILD:
        quotas, machine = target.client("service-quotas"), settings.runner_compute_type
        print(build_quota.describe_build_quota(quotas, machine, settings.max_concurrent))
    package = ROOT / "build" / "package"
    digest = build(package)
    size = (package / "deployment.zip").stat().st_size / 2**20
    print(
        f"package {digest[:12]}, {size:.1f} MB, Python {sys.version_info[0]}.{sys.version_info[1]}"
    )
    upgrade(target, target.upload(package, digest))
    data_key.delete_former_secret(target)
    notify_reader.pause_unused(target)
    _tell(target)


def _check_state(target: Target) -> None:
    """Refuse where CloudFormation would, with what helps: a stack that failed takes no change."""
    status, again = target.status() or "", f"`make destroy STAGE={settings.stage}"
    advice = ""
    if status in NEVER_UP:
        advice = (
            f"it never came up. {again}` removes it, and with DATA=delete the tables that it made,"
            " then deploy again"
        )
    elif status == "DELETE_FAILED":
        advice = f"it was not deleted as a whole. Do {again}` again"
    elif status == "UPDATE_ROLLBACK_FAILED":
        advice = (
            f"let `aws cloudformation continue-update-rollback --stack-name {target.stack}` end"
        )
    elif status.endswith("IN_PROGRESS") and status != PROPOSED:
        advice = "something is at work on it: wait until it is over"
    if advice:
        raise SystemExit(f"the stack {target.stack} is {status}: {advice}")


def upgrade(target: Target, new_template: Template) -> None:
    """Deploy a template, in several steps where several indexes of a table change."""
    deployed = target.template()
    _confirm_runtime(deployed, new_template)
    steps = indexes.way(deployed, new_template)
    if len(steps) > 1:
        print(f"{len(steps)} steps: DynamoDB changes one index of a table at a time")
    for number, template in enumerate(steps, 1):
        changes = propose(target, template)
        if changes is None:
            print("nothing to do: this is deployed")
            continue
        if len(steps) > 1:
            print(f"step {number} of {len(steps)}")
        show(changes)
        try:
            _confirm("Deploy?", "y")
        except BaseException:
            withdraw(target, changes)
            raise
        data_key.ensure_data_key(target)
        carry_out(target, changes)


def _confirm_runtime(deployed: Template | None, new_template: Template) -> None:
    """Ask before the functions get another Python: it is that of the machine that packages."""
    was, becomes = _runtimes(deployed or {}), _runtimes(new_template)
    if was and becomes and was != becomes:
        print(
            f"the functions run {', '.join(sorted(was))}; this package was built by, and will run"
            f" {', '.join(sorted(becomes))}"
        )
        _confirm("Change the runtime?", "y")


def _runtimes(template: Template) -> set[str]:
    functions = (
        resource["Properties"]
        for resource in (template.get("Resources") or {}).values()
        if resource["Type"] == "AWS::Serverless::Function"
    )
    return {str(function["Runtime"]) for function in functions if "Runtime" in function}


def show(changes: ChangeSet) -> None:
    """Print what becomes of each resource; what would be replaced loses what it holds."""
    for step in sorted(changes.steps, key=lambda step: (step.action, step.kind, step.name)):
        print(f"  {SIGNS.get(step.action, '?')} {step.name} ({step.kind}){_describe_loss(step)}")


def _describe_loss(step: Step) -> str:
    """Return what the replacement of a resource means, if there is or may be one."""
    holds_data = step.kind in HOLD_DATA
    if step.replacement == "True":
        return "   REPLACED: what it holds is lost" if holds_data else "   replaced"
    if step.replacement == "Conditional":
        return (
            "   may be REPLACED: what it holds would be lost"
            if holds_data
            else "   may be replaced"
        )
    return ""


def _check_nothing_is_left(target: Target) -> None:
    """Report leftovers of an earlier stage before CloudFormation fails on them."""
    if left := orphaned_resources.of(target):
        raise SystemExit(
            f"an earlier stage left {left}: deploy under another name, or delete all of it with"
            " `make destroy DATA=delete` (docs/guides/operations.md)"
        )


def _tell(target: Target) -> None:
    target.note_start()
    print(f"\n  {target.outputs()['EndpointURL'].rstrip('/')}")
    if not target.has_keys():
        print(f"  first admin key, shown this once: {target.make_admin_key()}")
    print("  next: `.venv/bin/optio login`, `.venv/bin/optio doctor`")


def key(target: Target) -> None:
    """Print one more admin key: who lost the last one still holds the account."""
    if not target.exists():
        raise SystemExit(f"there is no stage {settings.stage} here: `make deploy` makes it")
    print(f"  admin key, shown this once: {target.make_admin_key()}")
    print("  what was lost is revoked at /settings, or by `optio api DELETE /api/auth/api-keys/ID`")


def _confirm(question: str, expected: str) -> None:
    if os.environ.get("YES") == "1":
        return
    if not sys.stdin.isatty():
        raise SystemExit("no terminal to ask on: set YES=1")
    try:
        answer = input(f"{question} Type {expected} to go on: ").strip()
    except EOFError:
        answer = ""
    if answer != expected:
        raise SystemExit("nothing was changed")


def destroy(target: Target) -> None:
    """Remove a stage; its data stay, unless DATA=delete."""
    data = os.environ.get("DATA") == "delete"
    fate = "its data are DELETED, too" if data else "tables, blobs, logs, secrets and keys stay"
    print(f"the stack {target.stack} will be removed; {fate}")
    _confirm("Remove it?", target.stack.removeprefix("optio-"))
    if target.status():
        remove(target)
    if data:
        orphaned_resources.delete(target)
    if left := orphaned_resources.describe_costs(target):
        print("what stays, and costs by the month until it is deleted with DATA=delete:")
        print("\n".join(f"  {line}" for line in left))
    print("done")
