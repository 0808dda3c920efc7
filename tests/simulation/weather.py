"""Severity of a storm: each kind of fault has its own probability, drawn from the seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Weather:
    """Probabilities of faults; each is of a call, a write, a message or a storm."""

    fails: float = 0.0
    """A call fails, before or after it took effect."""
    dies: float = 0.0
    interleaves: float = 0.0
    """Another process does something in the middle of this one."""
    stalls: float = 0.0
    loses: float = 0.0
    """A message never comes."""
    repeats: float = 0.0
    """A message comes twice, within seconds."""
    dawdles: float = 0.0
    """A message comes once more, up to a quarter of an hour later."""
    batches: float = 0.0
    """Messages arrive together; otherwise each is alone in its batch."""
    skews: float = 0.0
    """Clocks of processes differ; the share of `MOST_SKEW` by which they do."""
    lags: float = 0.0
    """An index shows some rows as they were up to `MOST_LAG` ago."""
    dies_unsent: float = 0.0
    """A process dies between its write and what it does next, such as its send."""
    unheard: float = 0.0
    """A write succeeds and is answered by an error."""
    conflicts: float = 0.0
    """A write is refused, because another one writes an item of it."""
    throttles: float = 0.0
    """A table, an index or a queue refuses calls for up to two hours."""
    outages: float = 0.0
    """No tick comes for some time."""
    restarts: float = 0.0
    """The local stack is killed, and starts with tables and queues of different moments."""


CALM = Weather()
STORM = Weather(
    fails=0.01,
    dies=0.01,
    interleaves=0.08,
    stalls=0.002,
    loses=0.1,
    repeats=0.1,
    dawdles=0.02,
    batches=0.2,
    skews=1,
    lags=1,
    dies_unsent=0.02,
    unheard=0.01,
    conflicts=0.02,
    throttles=0.2,
    outages=0.01,
    restarts=0.3,
)
KINDS = tuple(field.name for field in fields(Weather))
MOST_SKEW = timedelta(seconds=5)
MOST_LAG = timedelta(seconds=30)
OUTAGES = (timedelta(minutes=3), timedelta(minutes=20), timedelta(minutes=90))


def weather(rng: random.Random) -> Weather:
    """Return some weather: a part of the storms has one kind of fault alone, so that it shows."""
    if rng.random() < 0.3:
        kind = rng.choice(KINDS)
        return replace(CALM, **{kind: min(1.0, 3 * getattr(STORM, kind))})
    blows = {kind: rng.choice((0.0, 0.5, 1.0, 1.0, 1.0, 2.0)) for kind in KINDS}
    blows["interleaves"] = rng.choice((1.0, 2.0, 3.0))  # what shows most of all others
    return Weather(**{kind: min(1.0, blows[kind] * getattr(STORM, kind)) for kind in KINDS})


@dataclass(frozen=True)
class Throttling:
    """A part of AWS that refuses a share of the calls between two moments."""

    target: str
    begins: datetime
    ends: datetime
    share: float

    def meets(self, name: str, method: str, at: datetime) -> bool:
        """Return whether a call to a store or queue may be refused."""
        of_index = self.target == "due index" and method == "iter_due"
        return self.begins <= at < self.ends and (of_index or self.target == name)


TARGETS = (
    *("blueprints", "triggers", "firings", "runs", "slots"),
    *("due index", "fire queue", "steps queue", "remote queue"),
)


def throttling(rng: random.Random, weather: Weather, start: datetime) -> Throttling | None:
    """Return what is throttled in a storm, and when, if anything is."""
    if rng.random() >= weather.throttles:
        return None
    begins = start + timedelta(minutes=rng.uniform(0, 60))
    lasts = timedelta(minutes=rng.choice((2, 15, 45, 120)))
    return Throttling(rng.choice(TARGETS), begins, begins + lasts, rng.choice((0.5, 0.9, 1.0)))
