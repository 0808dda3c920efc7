"""Reads the contents of a stage for a document or an export."""

from __future__ import annotations

from optio_cli.core import resolve
from optio_cli.core.api import ApiClient, Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.files.documents import StageDocument
from optio_cli.files.planning import RemoteState, kind_of


def read_remote_state(api: ApiClient, document: StageDocument) -> RemoteState:
    """Return the existing repos, templates and blueprints that a document names."""
    names = {template["name"] for _, template in document.templates}
    linked = {
        blueprint["promptTemplate"]
        for _, blueprint in document.blueprints
        if "promptTemplate" in blueprint
    }
    templates = list_templates(api) if names | linked else []
    return RemoteState(
        repos={repo["repoUrl"]: repo for repo in list_repos(api)} if document.repos else {},
        templates={
            template["name"]: template
            for template in _read_templates(api, templates, names | linked)
        },
        blueprints=_read_blueprints(api, document, templates),
    )


def list_repos(api: ApiClient) -> list[Json]:
    return list(api.iter_pages("/api/repos", "repos"))


def list_templates(api: ApiClient) -> list[Json]:
    return list(api.iter_pages("/api/prompt-templates", "promptTemplates"))


def _read_templates(api: ApiClient, templates: list[Json], names: set[str]) -> list[Json]:
    return [
        read_template(api, template["id"]) for template in templates if template["name"] in names
    ]


def read_template(api: ApiClient, identity: str) -> Json:
    template: Json = api.call_api("GET", f"/api/prompt-templates/{identity}")["promptTemplate"]
    return template


def _read_blueprints(
    api: ApiClient, document: StageDocument, templates: list[Json]
) -> dict[str, Json]:
    if not document.blueprints:
        return {}
    summaries = list(resolve.iter_blueprints(api))
    blueprints = {}
    for where, blueprint in document.blueprints:
        identity = _find_id(where, blueprint, summaries)
        if identity:
            blueprints[where] = read_blueprint(api, identity, templates)
    return blueprints


def _find_id(where: str, blueprint: Json, summaries: list[Json]) -> str | None:
    if "id" in blueprint:
        if blueprint["id"] not in [summary["id"] for summary in summaries]:
            message = f"no blueprint has the id {blueprint['id']!r}"
            raise Failure(
                f"{where}.id: {message}",
                ExitCode.REFUSED,
                [{"field": f"{where}.id", "message": message}],
            )
        return str(blueprint["id"])
    name = blueprint["name"].strip()
    same_name = [summary for summary in summaries if summary["name"] == name]
    alike = [summary for summary in same_name if summary["type"] == kind_of(blueprint)]
    if len(alike) > 1:
        ids = ", ".join(str(summary["id"]) for summary in alike)
        message = f"{len(alike)} blueprints are named {name!r}: choose one with `id` ({ids})"
        raise Failure(
            f"{where}.name: {message}",
            ExitCode.REFUSED,
            [{"field": f"{where}.name", "message": message}],
        )
    return str(alike[0]["id"]) if alike else None


def read_blueprint(api: ApiClient, identity: str, templates: list[Json]) -> Json:
    """Return a blueprint with its triggers and the name of its template."""
    blueprint = resolve.get_task(api, identity)
    linked = [
        template["name"]
        for template in templates
        if template["id"] == blueprint.get("promptTemplateId")
    ]
    return {
        **blueprint,
        "promptTemplate": linked[0] if linked else None,
        "triggers": resolve.list_triggers(api, identity),
    }
