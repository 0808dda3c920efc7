"""One table of what was measured: each figure with its budget, and whether that holds."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure. One with a bound is a budget; the others are to be read."""

    what: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def budget(self) -> str:
        if self.most is not None:
            return f"≤ {self.most:g}"
        return "" if self.least is None else f"≥ {self.least:g}"

    @property
    def broken(self) -> bool:
        over = self.most is not None and not self.value <= self.most
        return over or (self.least is not None and not self.value >= self.least)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def spread(what: str, values: Sequence[float], unit: str = "ms") -> Iterable[Row]:
    """Yield the three percentiles that people ask for."""
    for percent in (50, 95, 99):
        yield Row(what=f"{what}, p{percent}", value=percentile(values, percent), unit=unit)


def conditions() -> str:
    """Print the machine and the time of the figures, without which they mean nothing."""
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load}; "
        f"{platform.python_implementation()} {platform.python_version()}; emulator: ministack, "
        "a process of its own on the same machine; CPU time unless it says wall"
    )


def table(part: str, rows: Iterable[Row]) -> str:
    """Return rows as lines of a Markdown table."""
    lines = []
    for row in rows:
        holds = "" if not row.budget else "**no**" if row.broken else "yes"
        lines.append(f"{part} | {row.what} | {_shown(row)} {row.unit} | {row.budget} | {holds}")
    return "\n".join(lines)


def _shown(row: Row) -> str:
    """Return a value with three digits, or dollars with their cents."""
    if abs(row.value) >= 1000:
        return f"{row.value:,.0f}"
    return f"{row.value:.2f}" if row.unit == "$" else f"{row.value:.3g}"


HEAD = "part | what | measured | budget | holds\n---|---|---:|---|---"
