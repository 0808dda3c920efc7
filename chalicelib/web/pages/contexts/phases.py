"""The phases of a run with their marks and durations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.runs.attempt import StageSpan
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State

WAITING_STATES = (State.QUEUED, State.PROVISIONING)
MARK_WORDS = {"done": "done", "now": "current", "bad": "ended here", "next": "not started"}


@dataclass(frozen=True, kw_only=True)
class PhaseStep:
    """A phase with its mark (done, now, bad or next), the word of its mark, and its duration."""

    name: str
    mark: str
    word: str
    length: timedelta | None


def list_phase_steps(run: Run) -> list[PhaseStep]:
    """Return the phases of a run in their order."""
    spans = {} if run.state in WAITING_STATES else _newest_spans(run)
    names = list(Phase) if run.repo_url else [Phase.SETUP, Phase.AGENT]
    if run.repo_url and run.stage != Phase.TEST and run.trial is None and Phase.TEST not in spans:
        names.remove(Phase.TEST)
    current = run.stage or next(reversed(spans), None)
    reached = names.index(current) if current in names else -1
    done = run.state in (State.COMPLETED, State.PR_OPENED)
    steps = []
    for number, name in enumerate(names):
        mark = "done" if done else _stage_mark(run, number - reached)
        length = _span_length(spans.get(name))
        steps.append(PhaseStep(name=name, mark=mark, word=MARK_WORDS[mark], length=length))
    return steps


def _newest_spans(run: Run) -> dict[Phase, StageSpan]:
    """Return the phases of the newest attempt, in their order."""
    return {span.stage: span for span in (run.attempts[-1].stages if run.attempts else ())}


def _stage_mark(run: Run, beyond: int) -> str:
    """Return the mark of a phase by its distance from the current one."""
    if beyond:
        return "done" if beyond < 0 else "next"
    return "bad" if run.is_final else "now"


def _span_length(span: StageSpan | None) -> timedelta | None:
    return span.ended_at - span.started_at if span and span.ended_at else None
