"""Conflicts of transactions: the parts that were no longer in the expected state.

A store's method raises `WriteConflict` only with the parts that its protocol declares by
`may_lose`, and a method without that declaration never raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple, TypeVar

Method = TypeVar("Method", bound=Callable[..., object])


class Part(Enum):
    """A row or a set that a transaction writes or checks.

    A plain `Enum`, because a text never equals its members: mypy finds a misspelt part.
    """

    ACTIVE_RUNS = "active runs"
    BLUEPRINT = "blueprint"
    CALLER_KEY = "caller's key"
    CLAIM = "claim"
    COUNTER = "counter"
    DELIVERY = "delivery"
    FIRING = "firing"
    KEY = "key"
    PROVIDER = "provider"
    REPO = "repo"
    RUN = "run"
    TEMPLATE = "template"
    TEMPLATE_NAME = "template name"
    TRIGGER = "trigger"
    WEBHOOK_ENDPOINT = "webhook endpoint"
    WEBHOOK_LISTENER = "webhook listener"
    """The row of a path that the trigger already has."""
    WEBHOOK_PATH = "webhook path"
    """A path that a trigger takes; one path belongs to one trigger."""


class LostRow(NamedTuple):
    """A part that was not in the expected state, and the key of its row."""

    part: Part
    key: str


class WriteConflict(Exception):
    """A transaction was not written: these rows were not in the expected state."""

    def __init__(self, lost: Iterable[LostRow]) -> None:
        self.lost = frozenset(lost)
        self.parts = frozenset(row.part for row in self.lost)
        names = sorted(part.value for part in self.parts)
        super().__init__(f"no longer as expected: {', '.join(names)}")

    def keys_of(self, part: Part) -> frozenset[str]:
        """Return the keys of the lost rows of one part."""
        return frozenset(row.key for row in self.lost if row.part is part)


def may_lose(*parts: Part) -> Callable[[Method], Method]:
    """Declare the parts with which a method of a store may raise `WriteConflict`."""

    def declare(method: Method) -> Method:
        vars(method)["declared_parts"] = frozenset(parts)
        return method

    return declare


def declared_parts(protocol: type, method: str) -> frozenset[Part]:
    """Return the parts that a method of a store's protocol may lose."""
    declared: frozenset[Part] = getattr(getattr(protocol, method), "declared_parts", frozenset())
    return declared
