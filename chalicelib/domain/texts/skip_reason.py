"""The sentences that people read for the reason of a skipped firing."""

from __future__ import annotations

from chalicelib.domain.firing.firing import Skip

SKIP_SENTENCES: dict[str, str] = {
    Skip.PAUSED: "the blueprint or its trigger was paused",
    Skip.FILTERED: "the events or the filter of the trigger did not match",
    Skip.OVERLAP: "an earlier run was still active, and the overlap policy forbids another one",
    Skip.MISSED: "the scheduler was not running at that time, and the catch-up policy skips it",
    Skip.OPEN_PR: "a pull request of an earlier run was open, and the policy forbids another one",
    Skip.UNCHANGED: "the branch was unchanged since a run that made no changes",
    Skip.MISSING_PARAMS: "a name in the prompt had no value",
    Skip.LOOP: "an earlier run of the same blueprint caused it",
    Skip.UNTRUSTED: "no one with write access to the repo set the label",
    Skip.BACKLOG: "the ticket existed before the trigger",
    Skip.PING: "the sender only tested the address",
}


def describe_reason(reason: str | None) -> str:
    """Return the sentence of a skip; the reason of a failure is a sentence already."""
    return SKIP_SENTENCES.get(reason or "", reason or "")
