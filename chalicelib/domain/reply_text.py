"""Text of the status comment on a ticket: one comment, rewritten as its run progresses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chalicelib.domain.forge_text import escape_references, is_plain_url
from chalicelib.domain.number_text import format_dollars
from chalicelib.domain.run import Run, State

LONGEST_REASON = 300


@dataclass(frozen=True)
class Piece:
    """A piece of text, which is a link if it has a URL."""

    text: str
    url: str | None = None


Line = tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class Note:
    """The content of a comment, line by line; each tracker renders it in its own format."""

    run_id: str
    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def note(run: Run, task_url: str | None) -> Note:
    """Return the comment that describes the present state of a run."""
    task = Piece(run.title or run.id, f"{task_url}/tasks/{run.id}" if task_url else None)
    last: Line = (Piece("Task: "), task)
    if run.cost_usd is not None and run.state is not State.RUNNING:
        last = (*last, Piece(f" · {format_dollars(run.cost_usd)}"))
    return Note(run_id=run.id, lines=(_state(run), last))


def silent(run: Run) -> bool:
    """Return whether no comment is posted: the run was cancelled before its first comment."""
    return run.state is State.CANCELLED and not (run.reply and run.reply.comment)


def finished(run: Run) -> bool:
    """Return whether the ticket is finished: something was changed, and nothing is open."""
    if run.state is not State.COMPLETED or run.pr_state == "open":
        return False
    return not _found_nothing(run)


def _found_nothing(run: Run) -> bool:
    return bool(run.repo_url) and run.branch is None


def _state(run: Run) -> Line:
    pull = _pull(run)
    if run.state is State.RUNNING and not pull:
        return (Piece("An agent is working on this."),)
    if run.state is State.RUNNING:
        return (Piece("An agent is working on "), *pull, Piece(" again."))
    if run.state is State.PR_OPENED:
        return (*pull, Piece(" is open."))
    if run.state is State.COMPLETED:
        return _done(run, pull)
    told = (*pull, Piece(": ")) if pull else ()
    return (*told, Piece(f"{_TROUBLE.get(run.state, run.state.value)}{_reason(run)}"))


def _done(run: Run, pull: Line) -> Line:
    if run.pr_state == "open":
        return (*pull, Piece(" is being continued by another task."))
    if pull:
        return (Piece("Done: "), *pull, Piece(" was merged."))
    return (Piece("There was nothing to change." if _found_nothing(run) else "Done."),)


_TROUBLE = {
    State.NEEDS_ATTENTION: "a person is needed",
    State.FAILED: "the task failed",
    State.CANCELLED: "the task was cancelled",
}


def _pull(run: Run) -> Line:
    if run.pr_number is None:
        return ()
    return (Piece(f"Pull request #{run.pr_number}", run.pr_url),)


def _reason(run: Run) -> str:
    """Return the first line of the error; the task's page shows the rest."""
    lines = (run.error_message or "").strip().splitlines()
    if not lines or run.state is State.CANCELLED:
        return "."
    more = len(lines) > 1 or len(lines[0]) > LONGEST_REASON
    return f": {lines[0][:LONGEST_REASON]}{' …' if more else ''}"


def markdown(note: Note) -> str:
    """Return a comment in Markdown without its mark; quoted text mentions and closes nothing."""
    return "\n\n".join("".join(_markdown(piece) for piece in line) for line in note.lines)


def _markdown(piece: Piece) -> str:
    text = escape_references(piece.text.replace("\\", "\\\\"))
    for sign in "<[]`":
        text = text.replace(sign, f"\\{sign}")
    if piece.url is None:
        return text
    # Links do not nest: a number inside a link's text needs no escape.
    linked = text.replace("#\u200b", "#")
    return f"[{linked}]({piece.url})" if is_plain_url(piece.url) else text
