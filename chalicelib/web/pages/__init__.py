"""Routes of the dashboard. The module of a page is loaded with its first request.

A page calls the same actions as the API and returns HTML; it never calls the API. This module
must stay light, because every cold start of the API loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import Blueprint, Response

from chalicelib.domain.access import Scope
from chalicelib.late import late

__getattr__ = late(__name__)
if TYPE_CHECKING:
    from chalicelib.web.pages import shell
else:
    shell = __getattr__("shell")

routes = Blueprint(__name__)

TABLE = (
    ("GET", "/", "welcome", "home", Scope.READ),
    ("GET", "/welcome", "welcome", "show", Scope.READ),
    ("GET", "/static/{digest}/{name}", "assets", "show", None),
    ("GET", "/login", "login", "show", None),
    ("POST", "/login", "login", "enter", None),
    ("POST", "/logout", "login", "leave", Scope.READ),
    ("GET", "/tasks", "runs", "index", Scope.READ),
    ("POST", "/tasks", "runs", "bulk", Scope.RUN),
    ("GET", "/tasks/new", "new", "show", Scope.READ),
    ("POST", "/tasks/new", "new", "create", Scope.WRITE),
    ("GET", "/tasks/new/cron", "fragments", "cron", Scope.READ),
    ("POST", "/tasks/new/preview", "fragments", "preview", Scope.READ),
    ("GET", "/tasks/scheduled", "definitions", "index", Scope.READ),
    ("GET", "/tasks/scheduled/{task_id}", "definitions", "show", Scope.READ),
    ("POST", "/tasks/scheduled/{task_id}", "definitions", "act", Scope.WRITE),
    ("POST", "/tasks/scheduled/{task_id}/preview", "definitions", "preview", Scope.READ),
    ("GET", "/tasks/scheduled/{task_id}/edit", "editing", "show", Scope.READ),
    ("POST", "/tasks/scheduled/{task_id}/edit", "editing", "save", Scope.WRITE),
    ("GET", "/tasks/scheduled/{task_id}/triggers/{trigger_id}", "triggers", "show", Scope.READ),
    ("POST", "/tasks/scheduled/{task_id}/triggers/{trigger_id}", "triggers", "save", Scope.WRITE),
    ("GET", "/tasks/scheduled/{task_id}/firings/{firing_id}", "firing", "show", Scope.READ),
    ("GET", "/tasks/{task_id}", "run", "show", Scope.READ),
    ("POST", "/tasks/{task_id}", "run", "act", Scope.RUN),
    ("GET", "/tasks/{task_id}/log", "run", "log", Scope.READ),
    ("GET", "/tasks/{task_id}/outputs/{name}", "run", "output", Scope.READ),
    ("GET", "/templates", "library", "index", Scope.READ),
    ("POST", "/templates", "library", "save", Scope.WRITE),
    ("GET", "/repos", "repos", "index", Scope.READ),
    ("POST", "/repos", "repos", "save", Scope.WRITE),
    ("GET", "/secrets", "secrets", "index", Scope.READ),
    ("POST", "/secrets", "secrets", "save", Scope.ADMIN),
    ("GET", "/tickets", "tickets", "index", Scope.READ),
    ("POST", "/tickets", "tickets", "save", Scope.ADMIN),
    ("POST", "/tickets/sync", "tickets", "sync", Scope.RUN),
    ("POST", "/tickets/{provider_id}/re-enable", "tickets", "enable", Scope.WRITE),
    ("GET", "/activity", "activity", "index", Scope.ADMIN),
    ("GET", "/settings", "keys", "index", Scope.ADMIN),
    ("POST", "/settings", "keys", "act", Scope.ADMIN),
    ("GET", "/settings/webhooks", "webhooks", "index", Scope.ADMIN),
    ("POST", "/settings/webhooks", "webhooks", "create", Scope.ADMIN),
    ("GET", "/settings/webhooks/{webhook_id}", "webhooks", "show", Scope.ADMIN),
    ("POST", "/settings/webhooks/{webhook_id}", "webhooks", "act", Scope.ADMIN),
)
"""Method, path, module of this package, its view, and the scope that the reader needs."""


def _register(method: str, path: str, room: str, name: str, needs: Scope | None) -> None:
    def view(**params: str) -> Response:
        request, where = routes.current_request, f"{__name__}.{room}"
        return shell.answer(request, path, where, name, needs, params)

    view.__name__ = f"{room}_{name}"
    routes.route(path, methods=[method], content_types=["*/*"])(view)


for _method, _path, _room, _name, _needs in TABLE:
    _register(_method, _path, _room, _name, _needs)
