"""Change sets: what CloudFormation would do, shown before it does it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.deploy import CAPABILITIES, Target

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 1800
UNCHANGED = ("didn't contain changes", "No updates are to be performed")


class Undeployable(Exception):
    """CloudFormation refused, or could not do, what was asked; says why."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What becomes of one resource."""

    action: str
    name: str
    kind: str
    replaced: bool


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """What a package would change in a stage."""

    identity: str
    creates: bool
    steps: tuple[Step, ...]


def propose(target: Target, template: dict[str, Any], tags: Mapping[str, str]) -> ChangeSet | None:
    """Return what deploying a template would change, or None where it changes nothing."""
    formation = target.client("cloudformation")
    creates = not target.exists()
    made = formation.create_change_set(
        StackName=target.stack,
        ChangeSetName=f"package-{uuid.uuid4()}",
        ChangeSetType="CREATE" if creates else "UPDATE",
        TemplateURL=target.put_template(template),
        Capabilities=CAPABILITIES,
        Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
    )
    identity = made["Id"]
    found = _settled(formation, identity)
    if found["Status"] == "FAILED":
        reason = str(found.get("StatusReason", ""))
        formation.delete_change_set(ChangeSetName=identity)
        if any(text in reason for text in UNCHANGED):
            return None
        raise Undeployable(reason)
    steps = tuple(_step(one["ResourceChange"]) for one in _all_changes(formation, identity))
    return ChangeSet(identity=identity, creates=creates, steps=steps)


def _settled(formation: Any, identity: str) -> Any:
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        found = formation.describe_change_set(ChangeSetName=identity)
        if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return found
        time.sleep(LOOK_SECONDS)
    raise Undeployable(f"the change set {identity} was not made in {LONGEST_SECONDS} s")


def _all_changes(formation: Any, identity: str) -> list[Any]:
    found: list[Any] = []
    more: dict[str, str] = {}
    while True:
        page = formation.describe_change_set(ChangeSetName=identity, **more)
        found += page.get("Changes", [])
        if not page.get("NextToken"):
            return found
        more = {"NextToken": page["NextToken"]}


def _step(change: Any) -> Step:
    return Step(
        action=change["Action"],
        name=change["LogicalResourceId"],
        kind=change["ResourceType"],
        replaced=change.get("Replacement") == "True",
    )


def carry_out(target: Target, changes: ChangeSet) -> None:
    """Do it, and wait for the end; raise `Undeployable` with the resource that failed, and why."""
    formation = target.client("cloudformation")
    formation.execute_change_set(ChangeSetName=changes.identity)
    wanted = "CREATE_COMPLETE" if changes.creates else "UPDATE_COMPLETE"
    time.sleep(LOOK_SECONDS)
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        status = formation.describe_stacks(StackName=target.stack)["Stacks"][0]["StackStatus"]
        if status == wanted:
            return
        if status.endswith(("FAILED", "ROLLBACK_COMPLETE")):
            raise Undeployable(f"{status}: {_reason(formation, target.stack)}")
        time.sleep(LOOK_SECONDS)
    raise Undeployable(f"the stack {target.stack} is still {status} after {LONGEST_SECONDS} s")


def _reason(formation: Any, stack: str) -> str:
    """Return the first failure: those after it are its consequences."""
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [one for one in events if str(one["ResourceStatus"]).endswith("_FAILED")]
    if not failed:
        return "no event says why"
    first = failed[-1]
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"
