"""Reads the contents of a stage for a document or an export."""

from __future__ import annotations

from optio_cli.core import resolve
from optio_cli.core.api import ApiClient, Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.files.documents import StageDocument
from optio_cli.files.planning import RemoteState, kind_of


def read_remote_state(api: ApiClient, document: StageDocument) -> RemoteState:
    """Return the existing repos, templates and blueprints that a document names."""
    names = {one["name"] for _, one in document.templates}
    linked = {one["promptTemplate"] for _, one in document.blueprints if "promptTemplate" in one}
    kept = list_templates(api) if names | linked else []
    return RemoteState(
        repos={one["repoUrl"]: one for one in list_repos(api)} if document.repos else {},
        templates={one["name"]: one for one in _read_templates(api, kept, names | linked)},
        blueprints=_read_blueprints(api, document, kept),
    )


def list_repos(api: ApiClient) -> list[Json]:
    return list(api.iter_pages("/api/repos", "repos"))


def list_templates(api: ApiClient) -> list[Json]:
    return list(api.iter_pages("/api/prompt-templates", "promptTemplates"))


def _read_templates(api: ApiClient, kept: list[Json], names: set[str]) -> list[Json]:
    return [read_template(api, one["id"]) for one in kept if one["name"] in names]


def read_template(api: ApiClient, identity: str) -> Json:
    found: Json = api.call_api("GET", f"/api/prompt-templates/{identity}")["promptTemplate"]
    return found


def _read_blueprints(api: ApiClient, document: StageDocument, kept: list[Json]) -> dict[str, Json]:
    if not document.blueprints:
        return {}
    known = list(resolve.iter_blueprints(api))
    found = {}
    for where, wanted in document.blueprints:
        identity = _find_id(where, wanted, known)
        if identity:
            found[where] = read_blueprint(api, identity, kept)
    return found


def _find_id(where: str, wanted: Json, known: list[Json]) -> str | None:
    if "id" in wanted:
        if wanted["id"] not in [one["id"] for one in known]:
            message = f"no blueprint has the id {wanted['id']!r}"
            raise Failure(
                f"{where}.id: {message}",
                ExitCode.REFUSED,
                [{"field": f"{where}.id", "message": message}],
            )
        return str(wanted["id"])
    name = wanted["name"].strip()
    found = [one for one in known if one["name"] == name]
    alike = [one for one in found if one["type"] == kind_of(wanted)]
    if len(alike) > 1:
        ids = ", ".join(str(one["id"]) for one in alike)
        message = f"{len(alike)} blueprints are named {name!r}: choose one with `id` ({ids})"
        raise Failure(
            f"{where}.name: {message}",
            ExitCode.REFUSED,
            [{"field": f"{where}.name", "message": message}],
        )
    return str(alike[0]["id"]) if alike else None


def read_blueprint(api: ApiClient, identity: str, kept: list[Json]) -> Json:
    """Return a blueprint with its triggers and the name of its template."""
    found = resolve.get_task(api, identity)
    linked = [one["name"] for one in kept if one["id"] == found.get("promptTemplateId")]
    return {
        **found,
        "promptTemplate": linked[0] if linked else None,
        "triggers": resolve.list_triggers(api, identity),
    }
