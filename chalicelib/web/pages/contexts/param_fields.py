"""The fields of the form that starts a run, one for each property of the params schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.web.pages.contexts.base import FormState
from chalicelib.web.pages.form import param_to_text


@dataclass(frozen=True, kw_only=True)
class ParamField:
    """A field of the form; `choices` are None for a text field."""

    name: str
    key: str
    label: str
    is_required: bool
    choices: list[str] | None
    text: str
    fault: str
    help_text: str


def list_param_fields(schema: Mapping[str, Any] | None, form: FormState) -> list[ParamField]:
    """Return a field for each property of a params schema that describes its kind."""
    properties = (schema or {}).get("properties") or {}
    required = (schema or {}).get("required") or []
    return [
        _param_field(name, kind, form, is_required=name in required)
        for name, kind in properties.items()
        if isinstance(kind, Mapping)
    ]


def _param_field(
    name: str, kind: Mapping[str, Any], form: FormState, *, is_required: bool
) -> ParamField:
    key = f"param.{name}"
    choices = None
    if kind.get("enum"):
        choices = [param_to_text(choice) for choice in kind["enum"]]
    elif kind.get("type") == "boolean":
        choices = ["true", "false"]
    return ParamField(
        name=name,
        key=key,
        label=str(kind.get("title") or name),
        is_required=is_required,
        choices=choices,
        text=form.texts.get(key, ""),
        fault=form.faults.get(key, ""),
        help_text=str(kind.get("description") or ""),
    )
