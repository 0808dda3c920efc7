"""Change sets: what CloudFormation would do, shown before it does it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from infra.release.deploy import CAPABILITIES, PROPOSED, Target
from infra.release.stack_events import StackEvents

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 1800
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
BEGUN = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


class Undeployable(Exception):
    """CloudFormation refused or failed a change; the message has its reason."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """The planned change of one resource."""

    action: str
    name: str
    kind: str
    replacement: str = "False"
    """`True`, `False`, or `Conditional` where CloudFormation cannot know it before."""


@dataclass(frozen=True, kw_only=True)
class ChangeSet:
    """The changes that a package would make to a stage."""

    identity: str
    creates: bool
    steps: tuple[Step, ...]


def propose(target: Target, template: dict[str, Any]) -> ChangeSet | None:
    """Return what deploying a template would change, or None where it changes nothing.

    The stack gets no tags: a tag that changes would be a change of each resource.
    """
    formation = target.client("cloudformation")
    creates = not target.exists()
    created = formation.create_change_set(
        StackName=target.stack,
        ChangeSetName=f"package-{uuid.uuid4()}",
        ChangeSetType="CREATE" if creates else "UPDATE",
        TemplateURL=target.put_template(template),
        Capabilities=CAPABILITIES,
    )
    identity = created["Id"]
    change_set = _settled(formation, identity)
    if change_set["Status"] == "FAILED":
        reason = str(change_set.get("StatusReason", ""))
        _withdraw(target, identity)
        if any(text in reason for text in UNCHANGED):
            return None
        raise Undeployable(reason)
    changes = (change["ResourceChange"] for change in _all_changes(formation, identity))
    return ChangeSet(
        identity=identity, creates=creates, steps=tuple(_step(change) for change in changes)
    )


def _settled(formation: Any, identity: str) -> Any:
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        change_set = formation.describe_change_set(ChangeSetName=identity)
        if change_set["Status"] in ("CREATE_COMPLETE", "FAILED"):
            return change_set
        time.sleep(LOOK_SECONDS)
    raise Undeployable(f"the change set {identity} was not made in {LONGEST_SECONDS} s")


def _all_changes(formation: Any, identity: str) -> list[Any]:
    changes: list[Any] = []
    more: dict[str, str] = {}
    while True:
        page = formation.describe_change_set(ChangeSetName=identity, **more)
        changes += page.get("Changes", [])
        if not page.get("NextToken"):
            return changes
        more = {"NextToken": page["NextToken"]}


def _step(change: Any) -> Step:
    return Step(
        action=change["Action"],
        name=change["LogicalResourceId"],
        kind=change["ResourceType"],
        replacement=change.get("Replacement") or "False",
    )


def withdraw(target: Target, changes: ChangeSet) -> None:
    """Remove a change set that was declined."""
    _withdraw(target, changes.identity)


def _withdraw(target: Target, identity: str) -> None:
    formation = target.client("cloudformation")
    formation.delete_change_set(ChangeSetName=identity)
    if target.status() == PROPOSED:
        formation.delete_stack(StackName=target.stack)


def carry_out(target: Target, changes: ChangeSet) -> None:
    """Do it, and print its events up to the end.

    Raises `Undeployable` with the resource that failed first, and its reason.
    """
    events = StackEvents(target)
    target.client("cloudformation").execute_change_set(ChangeSetName=changes.identity)
    _await(
        target,
        events,
        "CREATE_COMPLETE" if changes.creates else "UPDATE_COMPLETE",
        failed=("FAILED", "ROLLBACK_COMPLETE"),
    )


def remove(target: Target) -> None:
    """Delete the stack, and print its events up to the end.

    Raises `Undeployable` with what cannot be deleted.
    """
    events = StackEvents(target)
    target.client("cloudformation").delete_stack(StackName=target.stack)
    _await(target, events, None, failed=("DELETE_FAILED",))


def _await(
    target: Target, events: StackEvents, expected: str | None, *, failed: tuple[str, ...]
) -> None:
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        time.sleep(LOOK_SECONDS)
        status = target.status()
        events.print_new()
        if status == expected:
            return
        if status is None or status.endswith(failed):
            raise Undeployable(f"{status or 'the stack is gone'}: {_reason(target)}")
    raise Undeployable(f"the stack {target.stack} is still {status} after {LONGEST_SECONDS} s")


def _reason(target: Target) -> str:
    """Return the first failure of the newest attempt: those after it are its consequences."""
    first: Any = None
    formation = target.client("cloudformation")
    for page in formation.get_paginator("describe_stack_events").paginate(StackName=target.stack):
        for event in page["StackEvents"]:  # the newest come first
            if str(event["ResourceStatus"]).endswith("_FAILED"):
                first = event
            if event["LogicalResourceId"] == target.stack and event["ResourceStatus"] in BEGUN:
                return _told(first)
    return _told(first)


def _told(event: Any) -> str:
    if event is None:
        return "no event says why"
    return f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
