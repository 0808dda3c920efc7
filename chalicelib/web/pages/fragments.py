"""Live previews of forms: the cron expression and the prompt."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions.firing import preview
from chalicelib.domain.errors import Invalid
from chalicelib.domain.texts.cron_description import describe_cron
from chalicelib.domain.triggers import schedule
from chalicelib.domain.triggers.cron import parse_cron
from chalicelib.domain.triggers.time_zones import parse_zone
from chalicelib.web.http.requests import parse_id
from chalicelib.web.pages.contexts.dry_run import (
    PromptPreview,
    PromptPreviewPart,
    draw_prompt_preview,
)
from chalicelib.web.pages.contexts.small_pages import CronPart, CronTime
from chalicelib.web.pages.request import PageRequest
from chalicelib.web.queries import configuration

TIME_FORMAT = "%a %d %b %H:%M"


def describe_cron_field(visit: PageRequest) -> Response:
    """Describe a cron expression with its next fire times, or show its error."""
    text = visit.query_param("cronExpression").strip()
    name = visit.query_param("timezone").strip() or "UTC"
    try:
        parse_cron(text)
        zone = parse_zone(name)
        times = schedule.preview_fires(
            schedule.CronSchedule(cron=text, timezone=name), wiring.get_world().now()
        )
    except Invalid as error:
        return visit.show_part(CronPart(error=error.message))
    fires = [
        CronTime(utc=f"{at:{TIME_FORMAT}}", local=f"{at.astimezone(zone):{TIME_FORMAT}}")
        for at in times
    ]
    shown_zone = "" if zone.key == "UTC" else zone.key
    return visit.show_part(CronPart(description=describe_cron(text), zone=shown_zone, times=fires))


def preview_prompt(visit: PageRequest) -> Response:
    """Render the prompt with the params, and list the names without a value."""
    try:
        submitted = visit.submitted_form
        params = submitted.read_mapping("params") or submitted.read_mapping("paramMapping")
        submitted.raise_faults()
        prompt = visit.form.get("prompt", "")
        linked = visit.form.get("promptTemplateId", "").strip()
        if linked:
            template_id = parse_id("prompt template", linked)
            prompt = configuration.get_template(wiring.get_world(), template_id).template
        shown = preview.preview_text(prompt, params)
    except Invalid as error:
        return visit.show_part(PromptPreviewPart(preview=PromptPreview(error=error.message)))
    return visit.show_part(PromptPreviewPart(preview=draw_prompt_preview(shown)))
