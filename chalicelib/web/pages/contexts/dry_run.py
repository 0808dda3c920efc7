"""The preview of a run: its prompt, and the decision of every policy about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.actions.firing.preview import FiringPreview, PolicyVerdict
from chalicelib.web.pages.contexts.base import PageContext
from chalicelib.web.pages.contexts.marks import StateMark


@dataclass(frozen=True, kw_only=True)
class PromptPreview:
    """A rendered prompt with the names that have no value, or the error of its form."""

    error: str = ""
    prompt: str = ""
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def draw_prompt_preview(preview: FiringPreview) -> PromptPreview:
    """Return the prompt of a preview."""
    return PromptPreview(prompt=preview.prompt, missing=preview.missing, unused=preview.unused)


@dataclass(frozen=True, kw_only=True)
class PromptPreviewPart(PageContext):
    """The variables of the preview that a form shows while its reader types."""

    template = "_preview.html"

    preview: PromptPreview


@dataclass(frozen=True, kw_only=True)
class VerdictLine:
    """The decision of one policy."""

    mark: StateMark
    message: str


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """The result that a manual run would have now; triggers have policies of their own."""

    title: str
    prompt: PromptPreview
    conclusion: str
    verdicts: list[VerdictLine]
    trigger_verdicts: list[VerdictLine]


def draw_dry_run(preview: FiringPreview) -> DryRun:
    """Return the preview of a run for display."""
    of_triggers = [verdict for verdict in preview.verdicts if verdict.for_triggers]
    of_all = [verdict for verdict in preview.verdicts if not verdict.for_triggers]
    return DryRun(
        title=preview.title,
        prompt=draw_prompt_preview(preview),
        conclusion="“Run now” would start this run."
        if preview.would_start
        else "“Run now” would be rejected.",
        verdicts=_list_verdicts(of_all, StateMark("good", "Yes"), StateMark("bad", "No")),
        trigger_verdicts=_list_verdicts(
            of_triggers, StateMark("good", "Fires"), StateMark("warn", "Skips")
        ),
    )


def _list_verdicts(
    verdicts: Iterable[PolicyVerdict], fires: StateMark, skips: StateMark
) -> list[VerdictLine]:
    return [
        VerdictLine(mark=fires if verdict.fires else skips, message=verdict.message)
        for verdict in verdicts
    ]
