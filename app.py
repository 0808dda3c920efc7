"""Registration of all routes and steps. No logic, no configuration."""

from __future__ import annotations

from chalice.app import Chalice

from chalicelib.pipeline import building, consulting, firing, notifying, running
from chalicelib.web import pages, strays
from chalicelib.web.api import (
    activity,
    aliases,
    bulk,
    checks,
    cloning,
    documents,
    firings,
    health,
    hints,
    history,
    hooks,
    keys,
    prompt_templates,
    repos,
    runner,
    secrets,
    sign_in,
    tasks,
    tickets,
    triggers,
    webhooks,
)

app = Chalice(app_name="optio", configure_logs=False)

for room in (
    health,
    documents,
    hooks,
    tasks,
    bulk,
    cloning,
    checks,
    triggers,
    history,
    firings,
    prompt_templates,
    repos,
    secrets,
    tickets,
    hints,
    webhooks,
    keys,
    activity,
    runner,
    sign_in,
    aliases,
    pages,
):
    app.register_blueprint(room.routes)
for room in (firing, running, consulting, building, notifying):
    app.register_blueprint(room.steps)
app.register_middleware(strays.around(app.routes), "http")
