"""The command `optio export`: writes a stage as a file for `optio apply`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from optio_cli import documents, finding, stages
from optio_cli.api import Api, Json
from optio_cli.errors import Exit, Failure
from optio_cli.session import AsJson, open_session

HEAD = "# Exported from {url}. Secrets are not included: webhooks name variables that hold them.\n"


def export(
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file to write; standard output by default.")
    ] = "-",
    as_json: AsJson = False,
) -> None:
    """Write repos, templates and blueprints with their triggers as YAML."""
    session = open_session(as_json)
    sections = exported(session.api)
    if as_json:
        session.out.json(sections)
        return
    text = HEAD.format(url=session.api.url) + documents.dumped(sections)
    if output == "-":
        typer.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error}", Exit.USAGE) from None
    session.out.note(f"wrote {output}")


def exported(api: Api) -> dict[str, list[Json]]:
    """Return the sections of a document that describes a whole stage."""
    schemas = api.call("GET", "/api/openapi.json")["components"]["schemas"]
    kept = stages.templates(api)
    listed = sorted(finding.definitions(api), key=lambda one: (one["name"], one["type"]))
    owners = [stages.whole(api, one["id"], kept) for one in listed]
    names = [(one["type"], one["name"]) for one in owners]
    blueprints = []
    for owner in owners:
        plain = _taken(owner, schemas["NewTask"])
        plain.pop("promptTemplateId", None)
        linked = {"promptTemplate": owner["promptTemplate"]} if owner["promptTemplate"] else {}
        twice = names.count((owner["type"], owner["name"])) > 1
        identity = {"id": owner["id"]} if twice else {}
        triggers = sorted((_trigger(one, schemas) for one in owner["triggers"]), key=_order)
        first = {"name": owner["name"], "type": owner["type"]}
        blueprints.append({**first, **identity, **plain, **linked, "triggers": triggers})
    return {
        "repos": [_taken(one, schemas["NewRepo"], "repoUrl") for one in stages.repos(api)],
        "templates": [
            _taken(stages.whole_template(api, one["id"]), schemas["NewPromptTemplate"], "name")
            for one in kept
        ],
        "blueprints": blueprints,
    }


def _taken(thing: Json, schema: Json, first: str = "name") -> Json:
    """Return the fields that the service accepts, without empty ones."""
    fields = sorted(schema["properties"], key=lambda field: field != first)
    left_out = ("triggers",)
    return {
        field: thing[field]
        for field in fields
        if field not in left_out and thing.get(field) not in (None, "", [], {})
    }


def _order(trigger: Json) -> tuple[str, str]:
    """Return a sort key that gives triggers the same order on every stage."""
    return trigger["type"], json.dumps(trigger, sort_keys=True)


def _trigger(trigger: Json, schemas: Json) -> Json:
    config = {name: value for name, value in trigger["config"].items() if value not in (None, [])}
    known = {"schedule": "ScheduleConfig", "webhook": "HookConfig"}.get(trigger["type"])
    fields = schemas[known]["properties"] if known else set(config) - {"hasSecret"}
    kept = {name: value for name, value in config.items() if name in fields}
    if trigger["config"].get("hasSecret"):
        path = re.sub(r"[^A-Z0-9]", "_", config["path"].upper())
        kept["secret"] = {"env": f"WEBHOOK_SECRET_{path}"}
    shown: Json = {"type": trigger["type"], "enabled": trigger["enabled"]}
    if kept:
        shown["config"] = kept
    if trigger["paramMapping"] is not None:
        shown["paramMapping"] = trigger["paramMapping"]
    return shown
