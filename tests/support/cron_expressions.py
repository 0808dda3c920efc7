"""Random cron expressions."""

from __future__ import annotations

import random

from chalicelib.domain.triggers.cron import DAYS, MONTHS

FIELDS = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, MONTHS), (0, 7, DAYS))
LONGEST_LIST = 4


def _random_number(rng: random.Random, least: int, most: int, names: tuple[str, ...]) -> str:
    number = rng.randint(least, most)
    if names and rng.random() < 0.4:
        name = names[(number - least) % len(names)]
        return rng.choice([name, name.upper(), name.title()])
    return f"0{number}" if number < 10 and rng.random() < 0.05 else str(number)


def _value_of(text: str, least: int, names: tuple[str, ...]) -> int:
    return names.index(text.lower()) + least if text.lower() in names else int(text)


def _random_item(rng: random.Random, least: int, most: int, names: tuple[str, ...]) -> str:
    low = _random_number(rng, least, most, names)
    shape = rng.choice(("*", "*/", "n", "n", "n/", "range", "range", "range/", "one", "one/"))
    step = f"/{rng.randint(1, most)}" if shape.endswith("/") else ""
    if shape.startswith("*"):
        return f"*{step}"
    if shape.startswith("n"):
        return f"{low}{step}"
    high = low
    if shape.startswith("range"):
        high = _random_number(rng, _value_of(low, least, names), most, ())
        if names == DAYS and high == "7" and rng.random() < 0.5:
            high = "sun" if _value_of(low, least, names) else high
    return f"{low}-{high}{step}"


def _random_field(rng: random.Random, least: int, most: int, names: tuple[str, ...]) -> str:
    if rng.random() < 0.25:
        return "*"
    count = rng.choice((1, 1, 1, 2, 3, LONGEST_LIST))
    return ",".join(_random_item(rng, least, most, names) for _ in range(count))


def random_expression(rng: random.Random) -> str:
    """Return an expression of every shape that is accepted, degenerate ones included."""
    return " ".join(_random_field(rng, *field) for field in FIELDS)
