"""Validates files with the stage before any difference is shown or applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from optio_cli.core.api import ApiClient, Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.files.documents import StageDocument
from optio_cli.files.planning import PlannedChange, RemoteState, kind_of

MAX_BODIES_PER_CHECK = 20
PLACEHOLDER_SECRET = "whsec_" + "A" * 32
"""Placeholder for a secret that the stage already stores and that no response contains."""
KEPT_FIELDS = ("prompt", "repoUrl", "agentType", "agentCommand")
"""Fields that rules need and that are taken from the stage's blueprint if a file omits them."""
CheckedPart = tuple[str, str, Json]


def check_document(
    api: ApiClient,
    document: StageDocument,
    stage: RemoteState,
    secrets: Mapping[str, str],
    changes: list[PlannedChange],
) -> list[Json]:
    """Return the warnings about the planned changes, each with its location in the file.

    Raises `JobFailed` with every fault.
    """
    touched = [call.where for change in changes for call in change.calls]
    parts = [
        part
        for part in _iter_parts(document, stage, secrets)
        if any(where == part[1] or where.startswith(f"{part[1]}.") for where in touched)
    ]
    faults = list(_unknown_templates(document, stage))
    warnings: list[Json] = []
    for start in range(0, len(parts), MAX_BODIES_PER_CHECK):
        refused, warned = _check_parts(api, parts[start : start + MAX_BODIES_PER_CHECK])
        faults += refused
        warnings += warned
    if faults:
        first = faults[0]
        raise Failure(f"{first['field']}: {first['message']}", ExitCode.REFUSED, faults)
    return warnings


def _iter_parts(
    document: StageDocument, stage: RemoteState, secrets: Mapping[str, str]
) -> Iterator[CheckedPart]:
    """Yield the kind, the location in the file and the body of each entry."""
    for where, repo in document.repos:
        yield "repos", where, repo
    for where, template in document.templates:
        existing = stage.templates.get(template["name"], {})
        defaults = {"template": existing["template"]} if existing else {}
        yield "promptTemplates", where, {**defaults, **template}
    for where, blueprint in document.blueprints:
        yield "tasks", where, _task_body(where, blueprint, stage.blueprints.get(where, {}), secrets)


def _task_body(where: str, blueprint: Json, existing: Json, secrets: Mapping[str, str]) -> Json:
    defaults = {name: existing[name] for name in KEPT_FIELDS if existing.get(name)}
    body = {**defaults, **blueprint, "type": kind_of(blueprint)}
    if body.pop("promptTemplate", None) or existing.get("promptTemplate"):
        body["prompt"] = body.get("prompt") or "the template's prompt"
    body.pop("id", None)
    sealed = [
        trigger["config"]["path"]
        for trigger in existing.get("triggers", [])
        if trigger["config"].get("hasSecret")
    ]
    body["triggers"] = [
        _trigger_body(trigger, secrets.get(f"{where}.triggers[{number}]"), sealed)
        for number, trigger in enumerate(blueprint.get("triggers", []))
    ]
    return body


def _trigger_body(trigger: Json, secret: str | None, sealed: list[str]) -> Json:
    config = trigger.get("config", {})
    if "secret" not in config and config.get("path") not in sealed:
        return trigger
    return {**trigger, "config": {**config, "secret": secret or PLACEHOLDER_SECRET}}


def _unknown_templates(document: StageDocument, stage: RemoteState) -> Iterator[Json]:
    names = {template["name"] for _, template in document.templates} | set(stage.templates)
    for where, blueprint in document.blueprints:
        name = blueprint.get("promptTemplate")
        if name is not None and name not in names:
            message = f"no prompt template is named {name!r}"
            yield {"field": f"{where}.promptTemplate", "message": message}


def _check_parts(api: ApiClient, parts: list[CheckedPart]) -> tuple[list[Json], list[Json]]:
    """Return the faults and the warnings that the stage finds in some entries."""
    request: dict[str, list[Json]] = {}
    locations: dict[str, str] = {}
    for kind, where, body in parts:
        bodies = request.setdefault(kind, [])
        locations[f"{kind}.{len(bodies)}"] = where
        bodies.append(body)
    try:
        checked = api.call_api("POST", "/api/checks", request)
    except Failure as failure:
        if failure.code is not ExitCode.REFUSED or not failure.details:
            raise
        return [_locate_fault(fault, locations) for fault in failure.details], []
    return [], [_locate_fault(warning, locations) for warning in checked["warnings"]]


def _locate_fault(fault: Json, locations: Mapping[str, str]) -> Json:
    """Return a fault or a warning with its location in the file, if it names an entry."""
    kind, _, rest = fault["field"].partition(".")
    number, _, field = rest.partition(".")
    where = locations.get(f"{kind}.{number}")
    return {**fault, "field": f"{where}.{field}".rstrip(".")} if where else fault
