"""A body becomes a request, or every fault it has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import ValidationError as Refused

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.web.models.refusals import words

M = TypeVar("M", bound=BaseModel)


def parsed(model: type[M], body: dict[str, Any], prefix: str = "", also: Iterable[Fault] = ()) -> M:
    """Return the request that `body` is, or raise `Invalid` with every fault it has.

    `also` are faults that somebody else found; those of a field that is wrong anyway say no more.
    """
    made, faults = None, []
    try:
        made = model.model_validate(body)
    except Refused as refused:
        faults = [_fault(error, prefix) for error in refused.errors()]
    told = {fault.field for fault in faults}
    faults += [fault for fault in also if fault.field not in told]
    if made is None or faults:
        raise Invalid(f"{faults[0].field}: {faults[0].message}", faults=faults)
    return made


def _fault(error: Any, prefix: str) -> Fault:
    known = ("schedule", "webhook", "manual", "ticket")
    parts = [str(part) for part in error["loc"]]
    kept = [
        part
        for index, part in enumerate(parts)
        if not (part in known and index and _inside(parts, index)) and "constrained-" not in part
    ]
    field = ".".join(part or '""' for part in kept).removeprefix("trigger.")
    return Fault(f"{prefix}{field}", words(error))


def _inside(parts: list[str], index: int) -> bool:
    return parts[index - 1].isdigit() or parts[index - 1] == "trigger"
