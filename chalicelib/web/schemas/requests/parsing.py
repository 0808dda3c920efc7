"""Parses a body to a request, or reports every fault of the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic import ValidationError as Refused

from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.limits import MAX_FAULTS
from chalicelib.web.schemas.requests.error_messages import error_message

M = TypeVar("M", bound=BaseModel)


def parse_request(
    model: type[M],
    body: Mapping[str, Any],
    *,
    current: object = None,
    extra_faults: Iterable[Fault] = (),
) -> M:
    """Return the request of `body`, or raise `Invalid` with every fault.

    `current` is the object that the request changes. `extra_faults` holds faults that the caller
    found before: other faults of the same fields are not reported.
    """
    earlier_faults, faults = list(extra_faults), []
    try:
        request = model.model_validate(body, context=current)
    except Refused as refused:
        errors = refused.errors(include_url=False)[:MAX_FAULTS]
        faults = [_to_fault(error) for error in errors]
    faulty_fields = {fault.field for fault in earlier_faults}
    if all_faults := [
        *(fault for fault in faults if fault.field not in faulty_fields),
        *earlier_faults,
    ]:
        raise Invalid.from_faults(_one_per_field(all_faults))
    return request


def _one_per_field(faults: Iterable[Fault]) -> list[Fault]:
    """Return one fault for each field; an inner field's fault replaces that of its parent."""
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.field, fault)
    inner = [name for name in first if any(other.startswith(f"{name}.") for other in first)]
    return [fault for name, fault in first.items() if name not in inner]


def _to_fault(error: Any) -> Fault:
    kinds = ("schedule", "webhook", "manual", "ticket")
    parts = [str(part) for part in error["loc"]]
    shown_parts = [
        part
        for index, part in enumerate(parts)
        if not (part in kinds and index and _is_inside(parts, index)) and "constrained-" not in part
    ]
    if error["type"].startswith("union_tag"):
        shown_parts.append("type")
    field = ".".join(part or '""' for part in shown_parts).removeprefix("trigger.")
    return Fault(field, error_message(error))


def _is_inside(parts: list[str], index: int) -> bool:
    return parts[index - 1].isdigit() or parts[index - 1] == "trigger"
