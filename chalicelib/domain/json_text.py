"""Strict JSON parsing: whatever is accepted can be stored and written again.

Python accepts more than JSON (`NaN`, unpaired surrogates, any depth). Such values would fail later,
when they are stored, rendered or returned.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import DEPTH

WRONG = "the body is not valid JSON"


def read(text: str) -> Any:
    """Return the value of a JSON text; raise `Invalid` if it is not JSON or nests too deep.

    Unpaired surrogates are replaced with U+FFFD.
    """
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Invalid(WRONG) from None
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(found)
    return _whole(found) if "\\ud" in text.lower() else found


def count(value: object) -> int:
    """Return the number of values in a JSON value, itself and all nested values included."""
    number, open_ = 0, [value]
    while open_:
        one = open_.pop()
        number += 1
        if isinstance(one, list | dict):
            open_.extend(one.values() if isinstance(one, dict) else one)
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise Invalid(f"the body nests objects and lists more than {DEPTH} levels deep")


def _whole(value: object) -> Any:
    """Return a value with its unpaired surrogates, which no encoding can write, replaced."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
