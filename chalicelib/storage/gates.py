"""Gates: copies of a blueprint's version, so that firings of one blueprint rarely meet at a row.

DynamoDB cancels a transaction if one of its items is part of another ongoing transaction, even if
both only check it. So a firing checks one gate, chosen by its id, instead of the blueprint. An
edit of the blueprint writes all of its gates. A gate that does not exist is open: the blueprint
was never edited.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.ids import BlueprintId, FiringId
from chalicelib.domain.versions import as_next_version
from chalicelib.ports import Part
from chalicelib.storage.dynamo.transactions import Transaction
from chalicelib.storage.records import SlotRecord

GATES = 8
"""The gates of a blueprint. Each is two more write units for an edit."""
KEPT_SECONDS = 24 * 3600
"""The lifetime of the gates of a removed blueprint: longer than any firing lasts."""


def gate_key(blueprint_id: BlueprintId, firing_id: FiringId) -> str:
    """Return the key of the gate that a firing checks."""
    return _key(blueprint_id, zlib.crc32(firing_id.encode()) % GATES)


def gate_keys(blueprint_id: BlueprintId) -> Iterator[str]:
    """Yield the keys of all gates of a blueprint."""
    return (_key(blueprint_id, number) for number in range(GATES))


def _key(blueprint_id: BlueprintId, number: int) -> str:
    return f"gate#{blueprint_id}#{number}"


def check_gate(transaction: Transaction, blueprint: Blueprint, firing_id: FiringId) -> None:
    """Let a transaction fail if the blueprint was edited or removed after it was read.

    An older gate is open, because an older version of this code edits blueprints without gates.
    """
    version = SlotRecord.version
    is_open = version.does_not_exist() | (version <= blueprint.version)
    transaction.add_check(Part.BLUEPRINT, SlotRecord, gate_key(blueprint.id, firing_id), is_open)


def move_gates(transaction: Transaction, new: Blueprint) -> None:
    """Add the shutting of all gates for firings that were decided before an edit."""
    for key in gate_keys(new.id):
        moved = [SlotRecord.version.set(new.version)]
        transaction.add_update(Part.BLUEPRINT, SlotRecord(id=key), moved)


def shut_gates(transaction: Transaction, old: Blueprint) -> None:
    """Add the shutting of all gates of a blueprint that is removed, until DynamoDB deletes them."""
    until = int(time.time()) + KEPT_SECONDS
    shut = [
        SlotRecord.version.set(as_next_version(old, old).version),
        SlotRecord.expires_at.set(until),
    ]
    for key in gate_keys(old.id):
        transaction.add_update(Part.BLUEPRINT, SlotRecord(id=key), shut)
