"""Strict JSON parsing: whatever is accepted can be stored and written again.

Python accepts more than JSON (`NaN`, unpaired surrogates, any depth). Such values would fail later,
when they are stored, rendered or returned.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import MAX_JSON_DEPTH

INVALID_JSON_MESSAGE = "the body is not valid JSON"


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; raise `Invalid` if it is not JSON or nests too deep.

    Unpaired surrogates are replaced with U+FFFD.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_finite)
    except (ValueError, RecursionError):
        raise Invalid(INVALID_JSON_MESSAGE) from None
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH:
        _check_depth(value)
    return _without_surrogates(value) if "\\ud" in text.lower() else value


def count_values(value: object) -> int:
    """Return the number of values in a JSON value, itself and all nested values included."""
    number, open_ = 0, [value]
    while open_:
        value_here = open_.pop()
        number += 1
        if isinstance(value_here, list | dict):
            open_.extend(value_here.values() if isinstance(value_here, dict) else value_here)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            inner
            for child in level
            if isinstance(child, dict | list)
            for inner in (child.values() if isinstance(child, dict) else child)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise Invalid(f"the body nests objects and lists more than {MAX_JSON_DEPTH} levels deep")


def _without_surrogates(value: object) -> Any:
    """Return a value with its unpaired surrogates, which no encoding can write, replaced."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
