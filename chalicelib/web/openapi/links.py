"""The links of the API's description: ids in responses that other calls accept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
ID_SOURCES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("post", "/api/tasks", {"task_id": "$response.body#/task/id"}),
    ("post", "/api/tasks/{task_id}/runs", {"task_id": "$response.body#/runId"}),
    (
        "post",
        "/api/tasks/{task_id}/runs",
        {"task_id": "$request.path.task_id", "run_id": "$response.body#/runId"},
    ),
    (
        "post",
        "/api/tasks/{task_id}/triggers",
        {"task_id": "$request.path.task_id", "trigger_id": "$response.body#/trigger/id"},
    ),
    ("get", "/api/tasks/{task_id}/firings", {"firing_id": "$response.body#/firings/0/id"}),
    ("post", "/api/prompt-templates", {"template_id": "$response.body#/promptTemplate/id"}),
    ("post", "/api/repos", {"repo": "$response.body#/repo/id"}),
    ("post", "/api/tickets/providers", {"provider_id": "$response.body#/provider/id"}),
    ("post", "/api/webhooks", {"webhook_id": "$response.body#/webhook/id"}),
    ("post", "/api/auth/api-keys", {"key": "$response.body#/apiKey/id"}),
)
"""Each operation, and the ids in its response that fill the paths of other operations."""


def add_links(paths: Document) -> None:
    """Add to each response the links to the calls that accept its ids."""
    for method, path, id_pointers in ID_SOURCES:
        source = paths[path][method]
        success = next(
            response for status, response in source["responses"].items() if status < "300"
        )
        for other, methods in paths.items():
            if set(re.findall(r"{(\w+)}", other)) == set(id_pointers):
                success.setdefault("links", {}).update(
                    _links_of(methods, id_pointers, len(id_pointers))
                )


def _links_of(methods: Document, id_pointers: Mapping[str, str], arity: int) -> Document:
    return {
        f"{operation['operationId']}-{arity}": {
            "operationId": operation["operationId"],
            "parameters": dict(id_pointers),
        }
        for operation in methods.values()
        if not operation.get("deprecated")
    }
