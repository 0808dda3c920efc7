"""The dashboard: which pages there are. What shows them is loaded when one is asked for.

A page calls the same actions as the API and answers with HTML; it never calls the API, or a
store. This module must stay light: every cold start of the API loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import Blueprint, Response

from chalicelib.web.late import late

if TYPE_CHECKING:
    from chalicelib.web.pages import shell
else:
    shell = late("chalicelib.web.pages.shell")

routes = Blueprint(__name__)

TABLE = (
    ("GET", "/", "welcome", "home"),
    ("GET", "/welcome", "welcome", "show"),
    ("GET", "/static/{digest}/{name}", "assets", "show"),
    ("GET", "/login", "login", "show"),
    ("POST", "/login", "login", "enter"),
    ("POST", "/logout", "login", "leave"),
    ("GET", "/tasks", "runs", "index"),
    ("POST", "/tasks", "runs", "bulk"),
    ("GET", "/tasks/new", "new", "show"),
    ("POST", "/tasks/new", "new", "create"),
    ("GET", "/tasks/new/cron", "fragments", "cron"),
    ("POST", "/tasks/new/preview", "fragments", "preview"),
    ("GET", "/tasks/scheduled", "definitions", "index"),
    ("GET", "/tasks/scheduled/{task_id}", "definitions", "show"),
    ("POST", "/tasks/scheduled/{task_id}", "definitions", "act"),
    ("GET", "/tasks/scheduled/{task_id}/edit", "editing", "show"),
    ("POST", "/tasks/scheduled/{task_id}/edit", "editing", "save"),
    ("GET", "/tasks/scheduled/{task_id}/triggers/{trigger_id}", "triggers", "show"),
    ("POST", "/tasks/scheduled/{task_id}/triggers/{trigger_id}", "triggers", "save"),
    ("GET", "/tasks/{task_id}", "run", "show"),
    ("POST", "/tasks/{task_id}", "run", "act"),
    ("GET", "/tasks/{task_id}/log", "run", "log"),
    ("GET", "/templates", "library", "index"),
    ("POST", "/templates", "library", "save"),
    ("GET", "/repos", "repos", "index"),
    ("POST", "/repos", "repos", "save"),
    ("GET", "/secrets", "secrets", "index"),
    ("POST", "/secrets", "secrets", "save"),
)
"""Method, path, module of this room, and the view in it."""


def _register(method: str, path: str, room: str, name: str) -> None:
    def view(**params: str) -> Response:
        return shell.answer(routes.current_request, path, f"{__name__}.{room}", name, params)

    view.__name__ = f"{room}_{name}"
    routes.route(path, methods=[method], content_types=["*/*"])(view)


for _method, _path, _room, _name in TABLE:
    _register(_method, _path, _room, _name)
