"""Reads the contents of a stage for a document or an export."""

from __future__ import annotations

from optio_cli import finding
from optio_cli.api import Api, Json
from optio_cli.documents import Document
from optio_cli.errors import Exit, Failure
from optio_cli.planning import Stage, kind_of


def read(api: Api, document: Document) -> Stage:
    """Return the existing repos, templates and blueprints that a document names."""
    names = {one["name"] for _, one in document.templates}
    linked = {one["promptTemplate"] for _, one in document.blueprints if "promptTemplate" in one}
    kept = templates(api) if names | linked else []
    return Stage(
        repos={one["repoUrl"]: one for one in repos(api)} if document.repos else {},
        templates={one["name"]: one for one in _whole_templates(api, kept, names | linked)},
        blueprints=_blueprints(api, document, kept),
    )


def repos(api: Api) -> list[Json]:
    return list(api.pages("/api/repos", "repos"))


def templates(api: Api) -> list[Json]:
    return list(api.pages("/api/prompt-templates", "promptTemplates"))


def _whole_templates(api: Api, kept: list[Json], names: set[str]) -> list[Json]:
    return [whole_template(api, one["id"]) for one in kept if one["name"] in names]


def whole_template(api: Api, identity: str) -> Json:
    found: Json = api.call("GET", f"/api/prompt-templates/{identity}")["promptTemplate"]
    return found


def _blueprints(api: Api, document: Document, kept: list[Json]) -> dict[str, Json]:
    if not document.blueprints:
        return {}
    known = list(finding.definitions(api))
    found = {}
    for where, wanted in document.blueprints:
        identity = _identity(where, wanted, known)
        if identity:
            found[where] = whole(api, identity, kept)
    return found


def _identity(where: str, wanted: Json, known: list[Json]) -> str | None:
    if "id" in wanted:
        if wanted["id"] not in [one["id"] for one in known]:
            message = f"no blueprint has the id {wanted['id']!r}"
            raise Failure(
                f"{where}.id: {message}",
                Exit.REFUSED,
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
            Exit.REFUSED,
            [{"field": f"{where}.name", "message": message}],
        )
    return str(alike[0]["id"]) if alike else None


def whole(api: Api, identity: str, kept: list[Json]) -> Json:
    """Return a blueprint with its triggers and the name of its template."""
    found = finding.task(api, identity)
    linked = [one["name"] for one in kept if one["id"] == found.get("promptTemplateId")]
    return {
        **found,
        "promptTemplate": linked[0] if linked else None,
        "triggers": finding.triggers(api, identity),
    }
