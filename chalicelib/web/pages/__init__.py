"""Routes of the dashboard. The module of a page is loaded with its first request.

A page calls the same actions as the API and returns HTML; it never calls the API. This module
must stay light, because every cold start of the API loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalice.app import Blueprint as ChaliceBlueprint
from chalice.app import Response

from chalicelib.domain.access.key import Scope
from chalicelib.lazy_modules import lazy_submodules

__getattr__ = lazy_submodules(__name__)
if TYPE_CHECKING:
    from chalicelib.web.pages import dispatch
else:
    dispatch = __getattr__("dispatch")

routes = ChaliceBlueprint(__name__)

PAGE_TABLE = (
    ("GET", "/", "welcome", "show_home", Scope.READ),
    ("GET", "/welcome", "welcome", "show_welcome", Scope.READ),
    ("GET", "/static/{digest}/{name}", "assets", "show_asset", None),
    ("GET", "/login", "login", "show_login", None),
    ("POST", "/login", "login", "sign_in", None),
    ("POST", "/logout", "login", "sign_out", Scope.READ),
    ("GET", "/tasks", "runs", "list_runs", Scope.READ),
    ("POST", "/tasks", "runs", "change_runs", Scope.RUN),
    ("GET", "/tasks/new", "new_task", "show_new_task", Scope.READ),
    ("POST", "/tasks/new", "new_task", "create_task", Scope.WRITE),
    ("GET", "/tasks/new/cron", "fragments", "describe_cron_field", Scope.READ),
    ("POST", "/tasks/new/preview", "fragments", "preview_prompt", Scope.READ),
    ("GET", "/tasks/scheduled", "blueprints", "list_blueprints", Scope.READ),
    ("GET", "/tasks/scheduled/{task_id}", "blueprints", "show_blueprint", Scope.READ),
    ("POST", "/tasks/scheduled/{task_id}", "blueprints", "act_on_blueprint", Scope.WRITE),
    ("POST", "/tasks/scheduled/{task_id}/preview", "blueprints", "preview_run", Scope.READ),
    ("GET", "/tasks/scheduled/{task_id}/edit", "edit_blueprint", "show_edit_form", Scope.READ),
    ("POST", "/tasks/scheduled/{task_id}/edit", "edit_blueprint", "save_blueprint", Scope.WRITE),
    (
        "GET",
        "/tasks/scheduled/{task_id}/triggers/{trigger_id}",
        "triggers",
        "show_trigger",
        Scope.READ,
    ),
    (
        "POST",
        "/tasks/scheduled/{task_id}/triggers/{trigger_id}",
        "triggers",
        "save_trigger",
        Scope.WRITE,
    ),
    ("GET", "/tasks/scheduled/{task_id}/firings/{firing_id}", "firing", "show_firing", Scope.READ),
    ("GET", "/tasks/{task_id}", "run", "show_run", Scope.READ),
    ("POST", "/tasks/{task_id}", "run", "act_on_run", Scope.RUN),
    ("GET", "/tasks/{task_id}/log", "run", "show_log", Scope.READ),
    ("GET", "/tasks/{task_id}/outputs/{name}", "run", "download_output", Scope.READ),
    ("GET", "/templates", "prompt_templates", "list_templates", Scope.READ),
    ("POST", "/templates", "prompt_templates", "save_template", Scope.WRITE),
    ("GET", "/repos", "repos", "list_repos", Scope.READ),
    ("POST", "/repos", "repos", "save_repo", Scope.WRITE),
    ("GET", "/secrets", "secrets", "list_secrets", Scope.READ),
    ("POST", "/secrets", "secrets", "save_secret", Scope.ADMIN),
    ("GET", "/tickets", "tickets", "list_providers", Scope.READ),
    ("POST", "/tickets", "tickets", "save_provider", Scope.ADMIN),
    ("POST", "/tickets/sync", "tickets", "sync_providers", Scope.RUN),
    ("POST", "/tickets/{provider_id}/re-enable", "tickets", "enable_provider", Scope.WRITE),
    ("GET", "/activity", "activity", "list_activity", Scope.ADMIN),
    ("GET", "/settings", "keys", "list_keys", Scope.ADMIN),
    ("POST", "/settings", "keys", "act_on_key", Scope.ADMIN),
    ("GET", "/settings/webhooks", "webhooks", "list_endpoints", Scope.ADMIN),
    ("POST", "/settings/webhooks", "webhooks", "create_endpoint", Scope.ADMIN),
    ("GET", "/settings/webhooks/{webhook_id}", "webhooks", "show_endpoint", Scope.ADMIN),
    ("POST", "/settings/webhooks/{webhook_id}", "webhooks", "act_on_endpoint", Scope.ADMIN),
)
"""Method, path, module of this package, its view, and the scope that the reader needs."""

PAGE_ACTIONS: dict[str, dict[str, str]] = {
    "/tasks": {"retry": "task.retry", "cancel": "task.cancel"},
    "/tasks/new": {"": "task.create", "mode=run": "run.create"},
    "/tasks/scheduled/{task_id}": {
        "pause": "task.pause",
        "resume": "task.resume",
        "run": "run.create",
        "clone": "task.clone",
        "delete": "task.remove",
        "redeliver": "firing.redeliver",
        "switch": "trigger.update",
        "drop": "trigger.remove",
        "add": "trigger.create",
    },
    "/tasks/scheduled/{task_id}/edit": {"": "task.update"},
    "/tasks/scheduled/{task_id}/triggers/{trigger_id}": {"": "trigger.update"},
    "/tasks/{task_id}": {
        "cancel": "task.cancel",
        "retry": "task.retry",
        "resume": "task.resume",
    },
    "/templates": {"": "template.create", "id": "template.update", "delete": "template.remove"},
    "/repos": {"": "repo.create", "id": "repo.update", "delete": "repo.remove"},
    "/secrets": {"": "secret.set", "delete": "secret.remove"},
    "/tickets": {
        "": "provider.create",
        "id": "provider.update",
        "delete": "provider.remove",
        "pause": "provider.pause",
        "resume": "provider.resume",
    },
    "/tickets/sync": {"": "provider.sync"},
    "/tickets/{provider_id}/re-enable": {"": "provider.re-enable"},
    "/settings": {"make": "key.create", "revoke": "key.remove"},
    "/settings/webhooks": {"": "webhook.create"},
    "/settings/webhooks/{webhook_id}": {
        "save": "webhook.update",
        "test": "webhook.test",
        "pause": "webhook.pause",
        "resume": "webhook.resume",
        "rotate": "webhook.rotate-secret",
        "delete": "webhook.remove",
    },
}
"""The action in the audit log of each form that writes, by its button.

Without a button it is that of `id` if the form names an object, that of `mode=run` if it starts a
run, and otherwise that of the empty name. Other buttons are rejected.
"""


def _register_page(method: str, path: str, room: str, name: str, needs: Scope | None) -> None:
    writes = method == "POST" and needs in (Scope.RUN, Scope.WRITE, Scope.ADMIN)
    if writes and path not in PAGE_ACTIONS:
        raise TypeError(f"{path} writes: state its actions for the audit log")

    def view(**params: str) -> Response:
        request, where = routes.current_request, f"{__name__}.{room}"
        actions = PAGE_ACTIONS[path] if writes else None
        return dispatch.dispatch_page(request, path, where, name, needs, actions, params)

    view.__name__ = f"{room}_{name}"
    routes.route(path, methods=[method], content_types=["*/*"])(view)


for _method, _path, _room, _name, _needs in PAGE_TABLE:
    _register_page(_method, _path, _room, _name, _needs)
