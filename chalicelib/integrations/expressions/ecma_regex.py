"""Patterns of JSON Schema: written as for JavaScript, matched by an engine that never goes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

from chalicelib.domain.errors import Invalid

_TOKEN = re.compile(r"\\.|\[\^?\]|\[\^|.", re.DOTALL)
_ASCII = {
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\w": "[0-9A-Za-z_]",
    r"\W": "[^0-9A-Za-z_]",
}
"""Their meaning in JavaScript. Any digit and letter of the world would also take the engine so
much room that no pattern could count to 255 of them."""
_EMPTY_CLASSES = {"[]": r"[^\s\S]", "[^]": r"[\s\S]"}
"""Classes of no character and of any: the engine takes a bracket at the start for a character."""
_OPERATORS = ("[", "[^", "&", "~")
"""Operators of the engine inside a class that are plain characters in JavaScript."""


def matches_pattern(pattern: str, text: str) -> bool:
    """Whether a text holds a pattern; raise `Invalid` where that cannot be used."""
    return compile_pattern(pattern).isinstance_python(text)


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> SchemaValidator:
    """Return what matches a pattern; raise `Invalid` with the reason where nothing does."""
    try:
        return SchemaValidator(core_schema.str_schema(pattern="".join(_translate_parts(pattern))))
    except SchemaError as error:
        raise Invalid(
            f"the pattern {pattern[:100]!r} cannot be used: {_error_reason(error)}"
        ) from None


def _error_reason(error: SchemaError) -> str:
    reason = str(error).strip().splitlines()[-1].strip()
    if "size limit" in reason:
        return "it counts too far; minLength and maxLength count any characters"
    return reason.removeprefix("error: ")


def _translate_parts(pattern: str) -> Iterator[str]:
    """Yield the parts of a pattern as the engine wants them."""
    within = False
    for token in _TOKEN.findall(pattern):
        if within and token in _EMPTY_CLASSES:
            yield f"\\{token}"
            within = False
            continue
        if within and token in _OPERATORS:
            yield f"\\{token}"
            continue
        if token in ("[", "[^", "]"):
            within = token != "]"
        yield _ASCII.get(token) or _EMPTY_CLASSES.get(token, token)
