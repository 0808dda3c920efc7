"""JSON as strangers write it, read so that whatever is kept of it can be written again.

Python takes more than JSON (`NaN`, half a pair of surrogates, any depth), and what it takes so
makes trouble later: where the text is stored, rendered or answered.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import DEPTH

WRONG = "the body is not valid JSON"


def read(text: str) -> Any:
    """Return the value of a JSON text; raise `Invalid` where it is none, or nests too deep."""
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Invalid(WRONG) from None
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(found)
    return _whole(found) if "\\ud" in text.lower() else found


def count(value: object) -> int:
    """Return how many values a value holds, itself and keys' values at any depth included."""
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
    raise Invalid(f"the body nests its objects and lists more than {DEPTH} deep")


def _whole(value: object) -> Any:
    """Return a value without halves of surrogate pairs, which no encoding can write."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
