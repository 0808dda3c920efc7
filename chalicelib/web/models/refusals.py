"""What is wrong with a field, in the words of somebody who filled it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
PATTERNS = {
    r"^[A-Za-z0-9._~-]+$": "holds only letters, digits and . _ ~ -",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "must be a name such as API_KEY (letters, digits and _)",
    r"^[^\x00]*$": "must hold no zero byte",
    r"^[a-z0-9_-]+$": "holds only lower-case letters, digits, - and _",
}
FIXED = {
    "missing": "is needed",
    "extra_forbidden": "is not a field that we know",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "uuid_type": "is not an id",
    "uuid_parsing": "is not an id",
}


def _least(context: Context) -> str:
    least = context["min_length"]
    return "must not be empty" if least == 1 else f"needs at least {least} characters"


WORDS: dict[str, Callable[[Context], str]] = {
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    "union_tag_invalid": lambda context: f"must be one of {context['expected_tags']}",
    "union_tag_not_found": lambda _: "needs a type",
    "string_too_short": _least,
    "string_too_long": lambda context: f"holds at most {context['max_length']} characters",
    "too_short": lambda context: f"needs at least {context['min_length']}",
    "too_long": lambda context: f"holds at most {context['max_length']}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "string_pattern_mismatch": lambda context: PATTERNS.get(
        context["pattern"], "is not written as it must be"
    ),
}


def words(error: Mapping[str, Any]) -> str:
    """Return what an error of pydantic says, in our words; where it says ours, those."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in FIXED:
        return FIXED[kind]
    if kind in WORDS:
        return WORDS[kind](context)
    return str(error["msg"]).removeprefix("Value error, ")
