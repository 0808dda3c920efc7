"""Random cron expressions, read by us and by an independent library (cronsim)."""

from __future__ import annotations

import os
import random
import sys
from datetime import datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim, CronSimError

from chalicelib.domain.errors import Invalid
from chalicelib.domain.triggers.cron import parse_cron
from tests.support.cron_expressions import FIELDS, _value_of, random_expression

EXPRESSIONS = 20_000
SHARDS = 50
"""Shards of EXPRESSIONS each in `make test-slow`: a million in all."""


def _for_cronsim(expression: str) -> str:
    """Write what cronsim reads otherwise in another way that means the same.

    It knows no range that ends in `sun`, and takes the start of 5-5/10 for one without an end.
    """
    fields = zip(FIELDS, expression.split(), strict=True)
    return " ".join(
        ",".join(_item_for_cronsim(item, least, names) for item in text.split(","))
        for (least, _, names), text in fields
    )


def _item_for_cronsim(item: str, least: int, names: tuple[str, ...]) -> str:
    low, dash, rest = item.partition("-")
    if not dash:
        return item
    high, _, step = rest.partition("/")
    first = _value_of(low, least, names)
    last = 7 if high.lower() == "sun" and first else _value_of(high, least, names)
    return str(first) if first == last else f"{first}-{last}" + (f"/{step}" if step else "")


def differences(expression: str, start: datetime, count: int) -> str | None:
    """Return how our reading and `count` next times differ from those of cronsim, or None."""
    try:
        theirs = CronSim(_for_cronsim(expression), start)
    except CronSimError:
        theirs = None
    try:
        ours = parse_cron(expression)
    except Invalid as refusal:
        return None if theirs is None else f"refused: {refusal}"
    if theirs is None:
        return "accepted, cronsim refuses it"
    weekdays = {day % 7 for day in theirs.weekdays if isinstance(day, int)}
    read = (ours.minutes, ours.hours, ours.days, ours.months, ours.weekdays)
    expected = (theirs.minutes, theirs.hours, theirs.days, theirs.months, weekdays)
    if tuple(map(set, read)) != tuple(map(set, expected)):
        return f"reads {read}, cronsim {expected}"
    found, right = (list(islice(times, count)) for times in (ours.iterate_after(start), theirs))
    return None if found == right else f"names {found}, cronsim {right}"


def _compare(seed: int, count: int) -> None:
    rng = random.Random(seed)
    for number in range(count):
        expression = random_expression(rng)
        minutes = rng.randrange(70 * 365 * 24 * 60)
        start = datetime(1990, 1, 1) + timedelta(minutes=minutes)  # noqa: DTZ001 - a wall clock
        wrong = differences(expression, start, 1 + (number % 4 == 0))
        assert wrong is None, (
            f"{expression!r} from {start}: {wrong} (number {number}; replay with "
            f"OPTIO_CRON_SEED={seed})"
        )


def _fresh_seed() -> int:
    seed = int(os.environ.get("OPTIO_CRON_SEED") or random.SystemRandom().getrandbits(48))
    sys.stdout.write(f"OPTIO_CRON_SEED={seed}\n")
    return seed


def test_twenty_thousand_expressions_mean_what_cronsim_reads():
    _compare(_fresh_seed(), EXPRESSIONS)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_million_expressions_mean_what_cronsim_reads(shard: int):
    _compare(_fresh_seed() + shard, EXPRESSIONS)


@pytest.mark.parametrize(
    "expression, same",
    [
        ("47-47 15,21 */6 11 *", "47 15,21 */6 11 *"),
        ("0 9 * * tue-tue", "0 9 * * 2"),
        ("5-5 * * * *", "5 * * * *"),
        ("5-5/10 * * * *", "5 * * * *"),
        ("59/15 * * * *", "59 * * * *"),
        ("0 9 * jan-jan *", "0 9 * 1 *"),
        ("0 9 31-31 * *", "0 9 31 * *"),
        ("0 9 * * sun-sun", "0 9 * * 0"),
        ("0 9 * * 7-7", "0 9 * * 0"),
        ("0 9 * * 7-sun", "0 9 * * 0"),
        ("0 9 * * 0-0", "0 9 * * 0"),
        ("0 9 * * sat-sun", "0 9 * * 6,0"),
        ("0 0-0 1-1 1-1 1-1", "0 0 1 1 1"),
        ("5-5,10-10 * * * *", "5,10 * * * *"),
        ("0 9 1-31 * mon", "0 9 * * *"),
        ("0 9 5 * 0-6", "0 9 * * *"),
        ("0 9 5 * 1-7", "0 9 * * *"),
        ("0-59 0-23 1-31 1-12 0-7", "* 0-23 * * *"),
    ],
)
def test_a_degenerate_range_is_the_values_it_names(expression: str, same: str):
    start = datetime(2026, 1, 30, 9, 5)  # noqa: DTZ001 - a wall clock
    times = [list(islice(parse_cron(text).iterate_after(start), 40)) for text in (expression, same)]
    assert times[0] == times[1]


def test_a_leap_day_on_one_weekday_comes_again_across_the_century():
    start = datetime(2068, 1, 1)  # noqa: DTZ001 - a wall clock
    times = islice(parse_cron("0 0 29 2 */7").iterate_after(start), 3)
    assert [moment.year for moment in times] == [2088, 2128, 2156]
