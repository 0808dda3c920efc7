"""Validates files with the stage before any difference is shown or applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optio_cli.api import Api, Json
from optio_cli.documents import Document
from optio_cli.errors import Exit, Failure
from optio_cli.planning import Change, Stage, kind_of

AT_ONCE = 20
SOME_SECRET = "whsec_" + "A" * 32
"""Placeholder for a secret that the stage already stores and that no response contains."""
KEPT = ("prompt", "repoUrl", "agentType", "agentCommand")
"""Fields that rules need and that are taken from the stage's blueprint if a file omits them."""
Part = tuple[str, str, Json]


def check(
    api: Api,
    document: Document,
    stage: Stage,
    secrets: Mapping[str, str],
    changes: list[Change],
) -> list[Json]:
    """Return the warnings about the planned changes, each with its location in the file.

    Raises `Failure` with every fault.
    """
    touched = [call.where for change in changes for call in change.calls]
    parts = [
        part
        for part in _parts(document, stage, secrets)
        if any(where == part[1] or where.startswith(f"{part[1]}.") for where in touched)
    ]
    faults = list(_unknown_templates(document, stage))
    warnings: list[Json] = []
    for start in range(0, len(parts), AT_ONCE):
        refused, warned = _judge(api, parts[start : start + AT_ONCE])
        faults += refused
        warnings += warned
    if faults:
        first = faults[0]
        raise Failure(f"{first['field']}: {first['message']}", Exit.REFUSED, faults)
    return warnings


def _parts(document: Document, stage: Stage, secrets: Mapping[str, str]) -> Iterator[Part]:
    """Yield the kind, the location in the file and the body of each entry."""
    for where, repo in document.repos:
        yield "repos", where, repo
    for where, one in document.templates:
        found = stage.templates.get(one["name"], {})
        kept = {"template": found["template"]} if found else {}
        yield "promptTemplates", where, {**kept, **one}
    for where, wanted in document.blueprints:
        yield "tasks", where, _task(where, wanted, stage.blueprints.get(where, {}), secrets)


def _task(where: str, wanted: Json, found: Json, secrets: Mapping[str, str]) -> Json:
    kept = {name: found[name] for name in KEPT if found.get(name)}
    body = {**kept, **wanted, "type": kind_of(wanted)}
    if body.pop("promptTemplate", None) or found.get("promptTemplate"):
        body["prompt"] = body.get("prompt") or "the template's prompt"
    body.pop("id", None)
    sealed = [
        one["config"]["path"] for one in found.get("triggers", []) if one["config"].get("hasSecret")
    ]
    body["triggers"] = [
        _trigger(one, secrets.get(f"{where}.triggers[{number}]"), sealed)
        for number, one in enumerate(wanted.get("triggers", []))
    ]
    return body


def _trigger(one: Json, secret: str | None, sealed: list[str]) -> Json:
    config = one.get("config", {})
    if "secret" not in config and config.get("path") not in sealed:
        return one
    return {**one, "config": {**config, "secret": secret or SOME_SECRET}}


def _unknown_templates(document: Document, stage: Stage) -> Iterator[Json]:
    known = {one["name"] for _, one in document.templates} | set(stage.templates)
    for where, wanted in document.blueprints:
        name = wanted.get("promptTemplate")
        if name is not None and name not in known:
            message = f"no prompt template is named {name!r}"
            yield {"field": f"{where}.promptTemplate", "message": message}


def _judge(api: Api, parts: list[Part]) -> tuple[list[Json], list[Json]]:
    """Return the faults and the warnings that the stage finds in some entries."""
    asked: dict[str, list[Json]] = {}
    places: dict[str, str] = {}
    for kind, where, body in parts:
        bodies = asked.setdefault(kind, [])
        places[f"{kind}.{len(bodies)}"] = where
        bodies.append(body)
    try:
        checked = api.call("POST", "/api/checks", asked)
    except Failure as failure:
        if failure.code is not Exit.REFUSED or not failure.details:
            raise
        return [_placed(fault, places) for fault in failure.details], []
    return [], [_placed(warning, places) for warning in checked["warnings"]]


def _placed(fault: Json, places: Mapping[str, str]) -> Json:
    """Return a fault or a warning with its location in the file, if it names an entry."""
    kind, _, rest = fault["field"].partition(".")
    number, _, field = rest.partition(".")
    where = places.get(f"{kind}.{number}")
    return {**fault, "field": f"{where}.{field}".rstrip(".")} if where else fault
