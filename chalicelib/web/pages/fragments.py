"""Live previews of forms: the cron expression and the prompt."""

from __future__ import annotations

from chalice.app import Response

from chalicelib import wiring
from chalicelib.actions import previewing
from chalicelib.domain import schedule
from chalicelib.domain.cron import parse_cron
from chalicelib.domain.cron_description import describe_cron
from chalicelib.domain.errors import Invalid
from chalicelib.domain.time_zones import parse_zone
from chalicelib.web.pages.visit import Visit


def cron(visit: Visit) -> Response:
    """Describe a cron expression with its next fire times, or show its error."""
    text = visit.query("cronExpression").strip()
    name = visit.query("timezone").strip() or "UTC"
    try:
        parse_cron(text)
        zone = parse_zone(name)
        times = schedule.preview(schedule.Schedule(cron=text, timezone=name), wiring.world().now())
    except Invalid as error:
        return visit.fragment("_cron.html", wrong=error.message, said="", times=[], zone=None)
    return visit.fragment("_cron.html", wrong="", said=describe_cron(text), times=times, zone=zone)


def preview(visit: Visit) -> Response:
    """Render the prompt with the params, and list the names without a value."""
    try:
        typed = visit.typed
        params = typed.mapping("params") or typed.mapping("paramMapping")
        typed.check()
        prompt = visit.form.get("prompt", "")
        linked = visit.form.get("promptTemplateId", "").strip()
        if linked:
            prompt = wiring.world().prompt_templates.get(linked).template
        shown = previewing.preview_text(prompt, params)
    except Invalid as error:
        return visit.fragment("_preview.html", wrong=error.message, shown=None)
    return visit.fragment("_preview.html", wrong="", shown=shown)
