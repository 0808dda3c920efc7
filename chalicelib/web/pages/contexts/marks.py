"""Marks of a state: its word and the tone in which a page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.web.pages.filters import state_label, state_tone


@dataclass(frozen=True)
class StateMark:
    """The tone and the word of a state."""

    tone: str
    word: str


def mark_state(state: str, *, is_stalled: bool = False) -> StateMark:
    """Return the mark of a run, a firing or a delivery."""
    return (
        StateMark("warn", "Stalled")
        if is_stalled
        else StateMark(state_tone(state), state_label(state))
    )


def mark_health(*, enabled: bool, disabled_reason: str | None, failures: int) -> StateMark:
    """Return the mark of a ticket provider or of a webhook endpoint."""
    if disabled_reason:
        return StateMark("bad", "Disabled")
    if not enabled:
        return StateMark("off", "Paused")
    return StateMark("warn", "Failing") if failures else StateMark("good", "Healthy")
