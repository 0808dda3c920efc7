"""Messages of the queues, one class for each step. Bodies are JSON objects with a `step`."""

from __future__ import annotations

from typing import Any

import msgspec

from chalicelib.domain.ids import BlueprintId, QueueKey, RunId, TriggerId
from chalicelib.domain.page import Cursor


class StepMessage(
    msgspec.Struct, frozen=True, rename="camel", tag_field="step", omit_defaults=True
):
    """A request for one step. It is a hint: it may come late, twice, out of order or never."""


class FireTrigger(StepMessage, frozen=True, tag="fire"):
    """Fire the due occurrences of a trigger."""

    trigger_id: TriggerId
    blueprint_id: BlueprintId = msgspec.field(name="definitionId")


class AdmitQueue(StepMessage, frozen=True, tag="admit"):
    """Start queued runs of a queue, as far as there are free slots."""

    queue_id: QueueKey = msgspec.field(name="key")


class HandleRun(StepMessage, frozen=True, tag="run"):
    """Do the due step of a run."""

    run_id: RunId


class ConsultForge(StepMessage, frozen=True, tag="consult"):
    """Do the due step of a run that waits for its forge or tracker."""

    run_id: RunId


class SyncProvider(StepMessage, frozen=True, tag="sync"):
    """Read the new and changed tickets of a provider."""

    provider_id: str


class ResolveAnnouncement(StepMessage, frozen=True, tag="tell"):
    """Create the deliveries of an announced change, if it was written.

    `of` is the id of the run, firing or blueprint that changes, `entry` the id of the entry in the
    run's history. `until` is the time, in ISO format, after which an unwritten change is dropped.
    """

    event: str
    of: str
    entry: str
    until: str
    run: RunId | None = None


class DeliverNotification(StepMessage, frozen=True, tag="deliver"):
    """Attempt the delivery at a position in an endpoint's list."""

    webhook_id: str
    list_position: Cursor = msgspec.field(name="place")


def decode_message(body: object, kind: Any) -> Any:
    """Return a received body as a message of a class, which may be a union of several.

    Other fields are ignored. Raises `ValueError` for a body that is not such a message.
    """
    return msgspec.convert(body, kind)


def encode_message(message: StepMessage) -> dict[str, str]:
    """Return the body of a message."""
    body: dict[str, str] = msgspec.to_builtins(message)
    return body


def step_name(message: StepMessage) -> str:
    """Return the name of a message's step, as in its body and in the logs."""
    return str(message.__struct_config__.tag)
