"""A body becomes a request, or every fault it has."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import ValidationError as Refused

from chalicelib.domain.errors import Fault, Invalid

M = TypeVar("M", bound=BaseModel)


def parsed(model: type[M], body: dict[str, Any], prefix: str = "") -> M:
    """Return the request that `body` is, or raise `Invalid` with every fault it has."""
    try:
        return model.model_validate(body)
    except Refused as refused:
        faults = [_fault(error, prefix) for error in refused.errors()]
        raise Invalid(f"{faults[0].field}: {faults[0].message}", faults=faults) from None


def _fault(error: Any, prefix: str) -> Fault:
    known = ("schedule", "webhook", "manual", "ticket")
    parts = [str(part) for part in error["loc"]]
    kept = [
        part
        for index, part in enumerate(parts)
        if not (part in known and index and _inside(parts, index)) and "constrained-" not in part
    ]
    field = ".".join(part or '""' for part in kept).removeprefix("trigger.")
    message = "is not a field that we know" if error["type"] == "extra_forbidden" else error["msg"]
    return Fault(f"{prefix}{field}", str(message).removeprefix("Value error, "))


def _inside(parts: list[str], index: int) -> bool:
    return parts[index - 1].isdigit() or parts[index - 1] == "trigger"
