"""The reading of the queue of notifications, which costs 26 cents a month even if none is sent.

A stage without webhook endpoints sends none, so its deploy pauses the reading. The API resumes it
when an endpoint is created. The template does not name the state, so that CloudFormation changes
it in no update.
"""

from __future__ import annotations

import time
from typing import Any

from chalicelib.settings import settings
from infra.package.resources import NOTIFY_MAPPING
from infra.release.deploy import Target

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 180


def pause_unused(target: Target) -> None:
    """Pause the reading if there is no endpoint.

    An endpoint may be created at the same time. It is stored before its API call resumes the
    reading, so one of the two notices the other.
    """
    if _has_endpoints(target):
        return
    functions, mapping = target.client("lambda"), _mapping_id(target)
    if functions.get_event_source_mapping(UUID=mapping)["State"] != "Enabled":
        return
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    _await_pause(functions, mapping)
    if _has_endpoints(target):
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def _has_endpoints(target: Target) -> bool:
    table = settings.table_name("webhooks")
    rows = target.client("dynamodb").scan(TableName=table, Limit=1, ConsistentRead=True)["Items"]
    return bool(rows)


def _mapping_id(target: Target) -> str:
    answer = target.client("cloudformation").describe_stack_resource(
        StackName=target.stack, LogicalResourceId=NOTIFY_MAPPING
    )
    return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def _await_pause(functions: Any, mapping: str) -> None:
    for _ in range(int(LONGEST_SECONDS / LOOK_SECONDS)):
        if functions.get_event_source_mapping(UUID=mapping)["State"] != "Disabling":
            return
        time.sleep(LOOK_SECONDS)
