"""Registration of all routes and steps. No logic, no configuration."""

from __future__ import annotations

from chalice.app import Chalice

from chalicelib.pipeline import (
    build_events,
    notification_steps,
    outside_steps,
    run_steps,
    schedule_steps,
)
from chalicelib.web import fallback, pages
from chalicelib.web.api import (
    activity,
    bulk,
    cloning,
    firings,
    forge_webhooks,
    health,
    history,
    hooks,
    keys,
    legacy,
    openapi,
    prompt_templates,
    repos,
    runner,
    secrets,
    sign_in,
    tasks,
    tickets,
    triggers,
    validation,
    webhooks,
)

app = Chalice(app_name="optio", configure_logs=False)

for room in (
    health,
    openapi,
    hooks,
    tasks,
    bulk,
    cloning,
    validation,
    triggers,
    history,
    firings,
    prompt_templates,
    repos,
    secrets,
    tickets,
    forge_webhooks,
    webhooks,
    keys,
    activity,
    runner,
    sign_in,
    legacy,
    pages,
):
    app.register_blueprint(room.routes)
for room in (schedule_steps, run_steps, outside_steps, build_events, notification_steps):
    app.register_blueprint(room.steps)
app.register_middleware(fallback.fallback_middleware(app.routes), "http")
