"""Which routes and steps exist. No logic, no configuration."""

from __future__ import annotations

from chalice.app import Chalice

from chalicelib.pipeline import firing, running
from chalicelib.web import documents, health, history, repos, runner, tasks, triggers

app = Chalice(app_name="optio", configure_logs=False)

for room in (health, documents, tasks, triggers, history, repos, runner):
    app.register_blueprint(room.routes)
for room in (firing, running):
    app.register_blueprint(room.steps)
