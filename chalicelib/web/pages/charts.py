"""Computes chart geometry from run data; templates render it as SVG with a data table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.runs.run import Run
from chalicelib.web.pages.filters import state_tone

WIDTH, HEIGHT, MAX_BARS = 640, 96, 30


@dataclass(frozen=True)
class ChartBar:
    """One run in the chart."""

    run_id: str
    created_at: datetime
    tone: str
    seconds: float
    cost_usd: float | None
    x: float
    y: float
    width: float
    height: float
    cost_y: float | None


@dataclass(frozen=True)
class RunChart:
    """Bars for durations and a line for costs."""

    bars: list[ChartBar]
    longest: float
    dearest: float

    @property
    def cost_line(self) -> str:
        priced_bars = [bar for bar in self.bars if bar.cost_y is not None]
        return " ".join(f"{bar.x + bar.width / 2:.1f},{bar.cost_y:.1f}" for bar in priced_bars)


def _bar_height(seconds: float, longest: float) -> float:
    return round(max(2.0, HEIGHT * seconds / longest) if longest else 2.0, 1)


def run_seconds(run: Run) -> float | None:
    """Return the duration of a run, or None before it has ended."""
    if run.started_at is None or run.completed_at is None:
        return None
    return max(0.0, (run.completed_at - run.started_at).total_seconds())


def draw_chart(runs: list[Run]) -> RunChart:
    """Return a chart of the ended runs, oldest first."""
    ended = [(run, seconds) for run in runs if (seconds := run_seconds(run)) is not None]
    ended = list(reversed(ended[:MAX_BARS]))
    longest = max((seconds for _, seconds in ended), default=0.0)
    dearest = max((run.cost_usd or 0.0 for run, _ in ended), default=0.0)
    slot = WIDTH / max(12, len(ended))
    drawn = [
        ChartBar(
            run_id=run.id,
            created_at=run.created_at,
            tone=state_tone(run.state),
            seconds=seconds,
            cost_usd=run.cost_usd,
            x=round(number * slot + slot * 0.15, 1),
            y=HEIGHT - _bar_height(seconds, longest),
            width=round(slot * 0.7, 1),
            height=_bar_height(seconds, longest),
            cost_y=round(HEIGHT - (HEIGHT - 6) * run.cost_usd / dearest, 1)
            if run.cost_usd is not None and dearest
            else None,
        )
        for number, (run, seconds) in enumerate(ended)
    ]
    return RunChart(drawn, longest, dearest)
