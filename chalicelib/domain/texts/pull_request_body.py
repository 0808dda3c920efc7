"""Text of pull requests: the assignment, the result, the origin and the cost of a run."""

from __future__ import annotations

import re

from chalicelib.domain.firing.run_marker import MARKER, hidden_marker
from chalicelib.domain.runs.run import Run
from chalicelib.domain.texts.forge_text import escape_line, escape_references, is_plain_url
from chalicelib.domain.texts.number_text import format_dollars
from chalicelib.domain.tickets.ticket import TicketOrigin

MAX_TITLE_LENGTH, MAX_ESCAPED_LENGTH = 200, 240
"""Maximum characters of the title as written, and with invisible characters. GitHub accepts 256."""
MAX_TEMPLATE_LENGTH = 28_000
"""GitHub accepts 65,536 characters in total, and our quotations may take more than half of them."""
MAX_PROMPT_LENGTH, MAX_SUMMARY_LENGTH, MAX_OUTPUT_LENGTH = 4000, 8000, 2000
REPORT_BEGIN = "<!-- optio:report -->"
_REPORT = re.compile(rf"{REPORT_BEGIN}.*?^<!-- {MARKER}[0-9a-f-]+ -->", re.DOTALL | re.MULTILINE)
_CLOSING = re.compile(r"^(?:Closes #\d+|Ticket: \S+)$", re.MULTILINE)


def pull_request_title(run: Run) -> str:
    """Return the title: the run's title on one line, which closes and mentions nothing."""
    line = " ".join(run.title.split())[:MAX_TITLE_LENGTH]
    return escape_references(line)[:MAX_ESCAPED_LENGTH] or f"Task {run.id}"


def merge_title(run: Run, number: int) -> str:
    """Return the first line of the message of the merge commit."""
    return f"{pull_request_title(run)} (#{number})"


def merge_message(run: Run, ticket: TicketOrigin | None, task_url: str | None) -> str:
    """Return the rest of the merge commit's message.

    It replaces the forge's default, which would repeat every commit message of the agent.
    """
    lines = [f"Task: {task_url or run.id}"]
    if ticket is not None and ticket.number is not None:
        lines.append(f"Closes #{ticket.number}")
    return "\n".join(lines)


def pull_request_body(
    run: Run,
    *,
    prompt: str,
    trigger: str,
    ticket: TicketOrigin | None,
    task_url: str | None,
    template: str | None,
) -> str:
    """Return the body. The repo's own template, if there is one, comes before our report."""
    parts = [
        _cut_text(template, MAX_TEMPLATE_LENGTH) if template else "",
        _closing_line(ticket),
        _report(run, prompt, trigger, task_url),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _report(run: Run, prompt: str, trigger: str, task_url: str | None) -> str:
    """Return the part that we own: from its start marker to the run's mark."""
    parts = [
        f"{REPORT_BEGIN}\n### Asked\n\n{_quote_text(prompt, MAX_PROMPT_LENGTH)}",
        f"### Done\n\n{_quote_text(run.result_summary or 'See the commits.', MAX_SUMMARY_LENGTH)}",
        f"### Tests "
        f"{run.trial.result_text}\n\n{_quote_text(run.trial.last_lines, MAX_OUTPUT_LENGTH)}"
        if run.trial and not run.trial.passed
        else "",
        f"### Unfinished\n\n{_quote_text(run.complaint or '', MAX_OUTPUT_LENGTH)}"
        if run.is_unfinished
        else "",
        _fact_lines(run, trigger, task_url),
        hidden_marker(run.id),
    ]
    return "\n\n".join(part for part in parts if part)


def replace_report(old: str, new: str) -> str:
    """Return an old body with our part replaced by that of the new one; the rest is kept.

    If our part is missing, a person removed it, and the body stays as it is.
    """
    ours, fresh = _REPORT.search(old), _REPORT.search(new)
    if ours is None or fresh is None:
        return old
    closing = _CLOSING.search(new[: fresh.start()])
    line = closing.group() if closing else ""
    is_known = not line or line in old[: ours.start()]
    more = "" if is_known else f"{line}\n\n"
    return f"{old[: ours.start()]}{more}{fresh.group()}{old[ours.end() :]}"


def _closing_line(ticket: TicketOrigin | None) -> str:
    if ticket is None:
        return ""
    if ticket.number is not None:
        return f"Closes #{ticket.number}"
    reference = ticket.url if is_plain_url(ticket.url) else escape_line(ticket.external_id)
    return f"Ticket: {reference}"


def _quote_text(text: str, most: int) -> str:
    """Return text as a quotation, in which nothing is closed or mentioned."""
    lines = escape_references(_cut_text(text, most)).splitlines()
    return "\n".join(f"> {line}".rstrip() for line in lines) or "> (nothing)"


def _cut_text(text: str, most: int) -> str:
    whole = text.strip()
    return whole[:most] + (" …" if len(whole) > most else "")


def _fact_lines(run: Run, trigger: str, task_url: str | None) -> str:
    link = f"[{run.id}]({task_url})" if task_url else f"`{run.id}`"
    lines = [f"Task: {link}", f"Trigger: {trigger}"]
    if run.blueprint_name:
        lines.append(f"Blueprint: {escape_line(run.blueprint_name)}")
    used = f" ({escape_line(run.model_used)})" if run.model_used else ""
    agent = f"{run.agent_type}{used}"
    lines.append(f"Agent: {agent}")
    if run.trial:
        lines.append(f"Tests of {(run.head_sha or '')[:12]}: {run.trial.result_text}")
    if run.cost_usd is not None:
        lines.append(f"Cost: {format_dollars(run.cost_usd)}")
    return "\n".join(f"- {line}" for line in lines)
