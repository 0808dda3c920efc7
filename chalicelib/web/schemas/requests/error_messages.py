"""Messages about invalid fields, for the person who filled them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
PATTERNS = {
    r"^[A-Za-z0-9._~-]+$": "must contain only letters, digits and . _ ~ -",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "must be a name such as API_KEY (letters, digits and _)",
    r"^[^\x00]*$": "must not contain a zero byte",
    r"^[a-z0-9_-]+$": "must contain only lower-case letters, digits, - and _",
}
FIXED_MESSAGES = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "uuid_type": "must be an id (a UUID)",
    "uuid_parsing": "must be an id (a UUID)",
}


def _minimum(context: Context) -> str:
    least = context["min_length"]
    return "must not be empty" if least == 1 else f"must have at least {least} characters"


MESSAGES: dict[str, Callable[[Context], str]] = {
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    "union_tag_invalid": lambda context: f"must be one of {context['expected_tags']}",
    "union_tag_not_found": lambda _: "is required",
    "string_too_short": _minimum,
    "string_too_long": lambda context: f"must have at most {context['max_length']} characters",
    "too_short": lambda context: f"must have at least {context['min_length']} entries",
    "too_long": lambda context: f"must have at most {context['max_length']} entries",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "string_pattern_mismatch": lambda context: PATTERNS.get(
        context["pattern"], "has an invalid format"
    ),
}


def error_message(error: Mapping[str, Any]) -> str:
    """Return our message for an error of pydantic; an error of our own keeps its message."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in FIXED_MESSAGES:
        return FIXED_MESSAGES[kind]
    if kind in MESSAGES:
        return MESSAGES[kind](context)
    return str(error["msg"]).removeprefix("Value error, ")
