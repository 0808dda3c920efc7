"""The command `optio export`: writes a stage as a file for `optio apply`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

from optio_cli.core import resolve
from optio_cli.core.api import ApiClient, Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.session import AsJson, open_session
from optio_cli.files import documents, remote_state

EXPORT_HEADER = (
    "# Exported from {url}. Secrets are not included: webhooks name variables that hold them.\n"
)


def export_stage(
    output: Annotated[
        str, typer.Option("--output", "-o", help="The file to write; standard output by default.")
    ] = "-",
    as_json: AsJson = False,
) -> None:
    """Write repos, templates and blueprints with their triggers as YAML."""
    session = open_session(as_json)
    sections = export_sections(session.api)
    if as_json:
        session.out.print_json(sections)
        return
    text = EXPORT_HEADER.format(url=session.api.url) + documents.dump_document(sections)
    if output == "-":
        typer.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error}", ExitCode.USAGE) from None
    session.out.print_note(f"wrote {output}")


def export_sections(api: ApiClient) -> dict[str, list[Json]]:
    """Return the sections of a document that describes a whole stage."""
    schemas = api.call_api("GET", "/api/openapi.json")["components"]["schemas"]
    templates = remote_state.list_templates(api)
    summaries = sorted(
        resolve.iter_blueprints(api), key=lambda summary: (summary["name"], summary["type"])
    )
    owners = [remote_state.read_blueprint(api, summary["id"], templates) for summary in summaries]
    names = [(owner["type"], owner["name"]) for owner in owners]
    blueprints = []
    for owner in owners:
        plain = _accepted_fields(owner, schemas["NewTask"])
        plain.pop("promptTemplateId", None)
        linked = {"promptTemplate": owner["promptTemplate"]} if owner["promptTemplate"] else {}
        twice = names.count((owner["type"], owner["name"])) > 1
        identity = {"id": owner["id"]} if twice else {}
        triggers = sorted(
            (_export_trigger(trigger, schemas) for trigger in owner["triggers"]),
            key=_trigger_sort_key,
        )
        first = {"name": owner["name"], "type": owner["type"]}
        blueprints.append({**first, **identity, **plain, **linked, "triggers": triggers})
    return {
        "repos": [
            _accepted_fields(repo, schemas["NewRepo"], "repoUrl")
            for repo in remote_state.list_repos(api)
        ],
        "templates": [
            _accepted_fields(
                remote_state.read_template(api, template["id"]),
                schemas["NewPromptTemplate"],
                "name",
            )
            for template in templates
        ],
        "blueprints": blueprints,
    }


def _accepted_fields(resource: Json, schema: Json, first: str = "name") -> Json:
    """Return the fields that the service accepts, without empty ones."""
    fields = sorted(schema["properties"], key=lambda field: field != first)
    left_out = ("triggers",)
    return {
        field: resource[field]
        for field in fields
        if field not in left_out and resource.get(field) not in (None, "", [], {})
    }


def _trigger_sort_key(trigger: Json) -> tuple[str, str]:
    """Return a sort key that gives triggers the same order on every stage."""
    return trigger["type"], json.dumps(trigger, sort_keys=True)


def _export_trigger(trigger: Json, schemas: Json) -> Json:
    config = {name: value for name, value in trigger["config"].items() if value not in (None, [])}
    schema_name = {"schedule": "ScheduleConfig", "webhook": "HookConfig"}.get(trigger["type"])
    fields = schemas[schema_name]["properties"] if schema_name else set(config) - {"hasSecret"}
    accepted = {name: value for name, value in config.items() if name in fields}
    if trigger["config"].get("hasSecret"):
        path = re.sub(r"[^A-Z0-9]", "_", config["path"].upper())
        accepted["secret"] = {"env": f"WEBHOOK_SECRET_{path}"}
    shown: Json = {"type": trigger["type"], "enabled": trigger["enabled"]}
    if accepted:
        shown["config"] = accepted
    if trigger["paramMapping"] is not None:
        shown["paramMapping"] = trigger["paramMapping"]
    return shown
