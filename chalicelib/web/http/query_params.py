"""Query parameters and their schemas, for the API's description and the check of every call.

A call without parameters does not load them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from chalicelib.domain import limits
from chalicelib.domain.access import secret
from chalicelib.domain.blueprints import blueprint
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.repos import repo
from chalicelib.domain.runs import state
from chalicelib.domain.triggers.time_zones import INVALID_TIME_MESSAGE, check_offset, check_year

Schema = dict[str, Any]


@cache
def _known_parameters() -> dict[str, Schema]:
    text = {"type": "string", "maxLength": limits.MAX_CURSOR_LENGTH}
    return {
        "limit": {"type": "integer", "minimum": 1, "maximum": limits.MAX_PAGE_SIZE, "default": 50},
        "cursor": {**text, "description": "The `nextCursor` of the previous page"},
        "type": {
            "type": "string",
            "enum": [*blueprint.Kind, "all"],
            "default": blueprint.Kind.REPO_TASK,
        },
        "state": {"type": "string", "enum": [*state.State, "any"], "default": "any"},
        "repoUrl": {**text, "format": "repo-url"},
        "scope": {**text, "format": "secret-scope"},
        "at": {**text, "format": "date-time"},
        "": text,
    }


def parameter_schema(name: str, path: str) -> Schema:
    """Return the JSON Schema of a parameter of the calls at `path`."""
    schemas = _known_parameters()
    if name == "limit" and path.endswith("/logs"):
        return {**schemas["limit"], "maximum": limits.MAX_LOG_PAGE_SIZE, "default": 200}
    return schemas.get(name, schemas[""])


def check_parameters(parameters: Mapping[str, object], names: Iterable[str], path: str) -> None:
    """Raise `Invalid` with every fault of the parameters in `names`; others are ignored."""
    faults = [
        fault
        for name in names
        if name in parameters
        for fault in _faults(name, str(parameters[name]), parameter_schema(name, path))
    ]
    if faults:
        raise Invalid.from_faults(faults)


def _faults(name: str, text: str, schema: Schema) -> Iterator[Fault]:
    if len(text) > limits.MAX_CURSOR_LENGTH:
        yield Fault(name, f"must have at most {limits.MAX_CURSOR_LENGTH} characters")
    elif "enum" in schema and text not in schema["enum"]:
        yield Fault(name, f"must be one of {', '.join(schema['enum'])}")
    elif schema["type"] == "integer" and not _is_within(text, schema):
        yield Fault(name, f"must be a whole number from {schema['minimum']} to {schema['maximum']}")
    elif text and (read := _format_checks().get(schema.get("format", ""))):
        try:
            read(text)
        except Invalid as refused:
            yield Fault(name, refused.message)


def _is_within(text: str, schema: Schema) -> bool:
    number = text.isascii() and text.isdigit()
    return number and bool(schema["minimum"] <= int(text) <= schema["maximum"])


@cache
def _format_checks() -> dict[str, Callable[[str], object]]:
    return {
        "repo-url": repo.normal_url,
        "secret-scope": secret.check_scope,
        "date-time": parse_moment,
    }


def parse_moment(text: str) -> datetime:
    """Return the time of the parameter `at` in UTC; raise `Invalid` if it is not a time."""
    try:
        # An unquoted plus sign arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Invalid(INVALID_TIME_MESSAGE, "at") from None
    return check_year(check_offset(moment, "at")).astimezone(UTC)
