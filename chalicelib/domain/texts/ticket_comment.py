"""Text of the status comment on a ticket: one comment, rewritten as its run progresses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from chalicelib.domain.ids import RunId
from chalicelib.domain.pull_requests.pull_request import PullRequestState
from chalicelib.domain.runs.run import Run
from chalicelib.domain.runs.state import State
from chalicelib.domain.texts.forge_text import escape_references, is_plain_url
from chalicelib.domain.texts.number_text import format_dollars

MAX_REASON_LENGTH = 300


@dataclass(frozen=True)
class TextPart:
    """A piece of text, which is a link if it has a URL."""

    text: str
    url: str | None = None


CommentLine = tuple[TextPart, ...]


@dataclass(frozen=True, kw_only=True)
class CommentText:
    """The content of a comment, line by line; each tracker renders it in its own format."""

    run_id: RunId
    lines: tuple[CommentLine, ...]

    @property
    def text_digest(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def compose_comment(run: Run, task_url: str | None) -> CommentText:
    """Return the comment that describes the present state of a run."""
    task = TextPart(run.title or run.id, f"{task_url}/tasks/{run.id}" if task_url else None)
    last: CommentLine = (TextPart("Task: "), task)
    if run.cost_usd is not None and run.state is not State.RUNNING:
        last = (*last, TextPart(f" · {format_dollars(run.cost_usd)}"))
    return CommentText(run_id=run.id, lines=(_state_line(run), last))


def has_no_comment(run: Run) -> bool:
    """Return whether no comment is posted: the run was cancelled before its first comment."""
    return run.state is State.CANCELLED and not (run.reply and run.reply.comment)


def is_ticket_finished(run: Run) -> bool:
    """Return whether the ticket is finished: something was changed, and nothing is open."""
    if run.state is not State.COMPLETED or run.pr_state == PullRequestState.OPEN:
        return False
    return not _made_no_change(run)


def _made_no_change(run: Run) -> bool:
    return bool(run.repo_url) and run.branch is None


def _state_line(run: Run) -> CommentLine:
    pull_request = _pull_request_line(run)
    if run.state is State.RUNNING and not pull_request:
        return (TextPart("An agent is working on this."),)
    if run.state is State.RUNNING:
        return (TextPart("An agent is working on "), *pull_request, TextPart(" again."))
    if run.state is State.PR_OPENED:
        return (*pull_request, TextPart(" is open."))
    if run.state is State.COMPLETED:
        return _result_line(run, pull_request)
    prefix = (*pull_request, TextPart(": ")) if pull_request else ()
    return (*prefix, TextPart(f"{_TROUBLE.get(run.state, run.state.value)}{_reason_line(run)}"))


def _result_line(run: Run, pull_request: CommentLine) -> CommentLine:
    if run.pr_state == PullRequestState.OPEN:
        return (*pull_request, TextPart(" is being continued by another task."))
    if pull_request:
        return (TextPart("Done: "), *pull_request, TextPart(" was merged."))
    return (TextPart("There was nothing to change." if _made_no_change(run) else "Done."),)


_TROUBLE = {
    State.NEEDS_ATTENTION: "a person is needed",
    State.FAILED: "the task failed",
    State.CANCELLED: "the task was cancelled",
}


def _pull_request_line(run: Run) -> CommentLine:
    if run.pr_number is None:
        return ()
    return (TextPart(f"Pull request #{run.pr_number}", run.pr_url),)


def _reason_line(run: Run) -> str:
    """Return the first line of the error; the task's page shows the rest."""
    lines = (run.error_message or "").strip().splitlines()
    if not lines or run.state is State.CANCELLED:
        return "."
    more = len(lines) > 1 or len(lines[0]) > MAX_REASON_LENGTH
    return f": {lines[0][:MAX_REASON_LENGTH]}{' …' if more else ''}"


def to_markdown(note: CommentText) -> str:
    """Return a comment in Markdown without its mark; quoted text mentions and closes nothing."""
    return "\n\n".join("".join(_part_to_markdown(piece) for piece in line) for line in note.lines)


def _part_to_markdown(piece: TextPart) -> str:
    text = escape_references(piece.text.replace("\\", "\\\\"))
    for sign in "<[]`":
        text = text.replace(sign, f"\\{sign}")
    if piece.url is None:
        return text
    # Links do not nest: a number inside a link's text needs no escape.
    linked = text.replace("#\u200b", "#")
    return f"[{linked}]({piece.url})" if is_plain_url(piece.url) else text
