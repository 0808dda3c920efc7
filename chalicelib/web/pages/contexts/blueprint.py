"""The variables of the page of one blueprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.blueprints.blueprint import Blueprint
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.runs.run import Run
from chalicelib.web.pages.charts import RunChart
from chalicelib.web.pages.contexts.base import FormContext, FormState, PageContext
from chalicelib.web.pages.contexts.dry_run import DryRun
from chalicelib.web.pages.contexts.labels import agent_label, repo_label
from chalicelib.web.pages.contexts.ledger import LedgerRow
from chalicelib.web.pages.contexts.marks import StateMark, mark_state
from chalicelib.web.pages.contexts.notices import Notice
from chalicelib.web.pages.contexts.param_fields import ParamField
from chalicelib.web.pages.contexts.triggers import TriggerCard
from chalicelib.web.pages.forms import FormError

MAX_UPCOMING, MAX_RUNS = 5, 10
DEFAULT_CRON = "0 9 * * 1-5"


@dataclass(frozen=True, kw_only=True)
class BlueprintHeader:
    """The head of the page: what the blueprint is, and whether it fires."""

    id: str
    name: str
    enabled: bool
    repo: str
    details: str
    switch_button: str
    switch_label: str
    pause_note: str


def draw_header(blueprint: Blueprint) -> BlueprintHeader:
    """Return the head of the page of a blueprint."""
    details = agent_label(blueprint.agent_type, blueprint.model)
    if blueprint.description:
        details += f" · {blueprint.description}"
    reason = (
        f": {blueprint.paused_reason}"
        if blueprint.paused_reason
        else ". No trigger fires until you resume the blueprint"
    )
    return BlueprintHeader(
        id=blueprint.id,
        name=blueprint.name,
        enabled=blueprint.enabled,
        repo=repo_label(blueprint.repo_url, blueprint.repo_branch),
        details=details,
        switch_button="pause" if blueprint.enabled else "resume",
        switch_label="Pause" if blueprint.enabled else "Resume",
        pause_note="" if blueprint.enabled else f"Paused{reason}.",
    )


@dataclass(frozen=True)
class UpcomingFire:
    """An upcoming fire time, and its position on a line from 0 to 1000."""

    at: datetime
    place: int


def place_fires(moments: Sequence[datetime], now: datetime) -> list[UpcomingFire]:
    """Return upcoming fire times, the last one at the end of the line."""
    if not moments:
        return []
    whole = max(moments[-1] - now, timedelta(minutes=1))
    return [UpcomingFire(at, round(1000 * ((at - now) / whole))) for at in moments]


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run in the short list of the newest ones."""

    id: str
    title: str
    mark: StateMark
    duration: timedelta | None
    created_at: datetime


def draw_run_lines(runs: Iterable[Run]) -> list[RunLine]:
    """Return the newest runs; only those that ended have a duration."""
    return [
        RunLine(
            id=run.id,
            title=run.title,
            mark=mark_state(run.state),
            duration=run.completed_at - run.started_at
            if run.started_at and run.completed_at
            else None,
            created_at=run.created_at,
        )
        for run in list(runs)[:MAX_RUNS]
    ]


@dataclass(frozen=True, kw_only=True)
class BlueprintActivity:
    """The live part of the page: upcoming fire times, the ledger and the newest runs."""

    blueprint_id: str
    upcoming: list[UpcomingFire]
    upcoming_times: list[datetime]
    ledger: list[LedgerRow]
    older_url: str
    runs: list[RunLine]


@dataclass(frozen=True, kw_only=True)
class PromptSource:
    """The prompt of a blueprint, and the template from which it comes."""

    text: str
    template_id: str
    template_name: str


def draw_prompt(blueprint: Blueprint, template: PromptTemplate | None) -> PromptSource:
    """Return the prompt that a firing renders: that of the template if there is one."""
    if template is None:
        return PromptSource(text=blueprint.prompt, template_id="", template_name="")
    return PromptSource(
        text=template.template, template_id=template.id, template_name=template.name
    )


@dataclass(frozen=True, kw_only=True)
class TriggerForms:
    """The forms that add a trigger, and which of them is open, because it was submitted."""

    opened: str
    schedule: FormState
    webhook: FormState
    ticket: FormState


def draw_trigger_forms(form: FormState, new_webhook: Mapping[str, str]) -> TriggerForms:
    """Return the forms. The one that was submitted keeps its texts, the others are prefilled."""
    chosen = form.texts.get("trigger", "")
    return TriggerForms(
        opened=chosen if form.texts.get("do") == "add" else "",
        schedule=form.only_if(chosen == "schedule", {"cronExpression": DEFAULT_CRON}),
        webhook=form.only_if(chosen == "webhook", new_webhook),
        ticket=form.only_if(chosen == "ticket"),
    )


@dataclass(frozen=True, kw_only=True)
class BlueprintPart(PageContext):
    """The variables of the live part of the page."""

    template = "_definition.html"

    activity: BlueprintActivity


@dataclass(frozen=True, kw_only=True)
class BlueprintPage(FormContext):
    """The variables of the page of a blueprint."""

    template = "definition.html"

    notice: Notice | None
    blueprint: BlueprintHeader
    warnings: Sequence[FormError]
    run_title: str
    param_fields: list[ParamField]
    dry_run: DryRun | None
    activity: BlueprintActivity
    triggers: list[TriggerCard]
    trigger_forms: TriggerForms
    prompt: PromptSource
    chart: RunChart
