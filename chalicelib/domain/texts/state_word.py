"""The word that people read for the state of a run, in the dashboard and on the command line."""

from __future__ import annotations

from chalicelib.domain.runs.state import State

STATE_WORDS: dict[str, str] = {
    State.QUEUED: "queued",
    State.PROVISIONING: "provisioning",
    State.RUNNING: "running",
    State.PR_OPENED: "PR open",
    State.NEEDS_ATTENTION: "needs attention",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}


def state_word(state: str) -> str:
    """Return the word of a state; any other text, such as the outcome of a firing, stays."""
    return STATE_WORDS.get(state, state)


def parse_state(text: str) -> str:
    """Return the state that has this word, in any case; any other text stays."""
    states = {word.lower(): str(state) for state, word in STATE_WORDS.items()}
    return states.get(text.lower(), text)
