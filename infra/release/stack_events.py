"""The events of a stack, printed while CloudFormation is at work."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from infra.release.deploy import Target


class StackEvents:
    """Prints the events of a stack from now on, each once, the oldest first."""

    def __init__(self, target: Target) -> None:
        self._target = target
        # A deleted stack is found by its id alone, and only that tells how its deletion went.
        self._stack = target.stack_id() or target.stack
        self._newest = next((event["EventId"] for event in self._newest_first()), None)

    def print_new(self) -> None:
        """Print what happened since the last call."""
        fresh: list[Any] = []
        for event in self._newest_first():
            if event["EventId"] == self._newest:
                break
            fresh.append(event)
        if fresh:
            self._newest = fresh[0]["EventId"]
        for event in reversed(fresh):
            print(_describe(event), flush=True)

    def _newest_first(self) -> Any:
        formation = self._target.client("cloudformation")
        pages = formation.get_paginator("describe_stack_events").paginate(StackName=self._stack)
        try:
            for page in pages:
                yield from page["StackEvents"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise


def _describe(event: Any) -> str:
    status, reason = str(event["ResourceStatus"]), event.get("ResourceStatusReason")
    suffix = f": {reason}" if reason and "FAILED" in status else ""
    name, kind = event["LogicalResourceId"], event["ResourceType"]
    return f"  {event['Timestamp']:%H:%M:%S} {status} {name} ({kind}){suffix}"
