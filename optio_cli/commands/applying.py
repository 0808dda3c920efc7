"""The command `optio apply`: applies configuration files to a stage."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track
from rich.text import Text

from optio_cli.core.api import Json
from optio_cli.core.arguments import parse_pairs, read_file
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import CONTROL_CHARACTERS, CommandOutput
from optio_cli.core.session import AsJson, CommandSession, open_session
from optio_cli.files import checking, documents, planning, remote_state
from optio_cli.files.documents import StageDocument
from optio_cli.files.planning import PlannedCall, PlannedChange

STYLES = {"+": "green", "-": "red", "~": "yellow", " ": "bright_black"}
SIGNS = {"create": "+", "change": "~"}
Files = Annotated[
    list[str], typer.Option("--file", "-f", help="A file, or - for standard input. Repeatable.")
]


def apply_files(
    files: Files,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only show the differences; exit with 7 if there are any."),
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate-secrets", help="Send the secrets of all webhooks again.")
    ] = False,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Set a variable of the files: name=text or name:=JSON. Repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Apply configuration files to a stage, after showing the differences and asking."""
    session = open_session(as_json)
    overrides = parse_pairs(chosen or [], "variable")
    document = documents.parse_documents([(name, read_file(name)) for name in files], overrides)
    stage = remote_state.read_remote_state(session.api, document)
    secrets = _read_secrets(document, stage, rotate=rotate)
    changes = planning.plan_changes(document, stage, secrets, rotate=rotate)
    warnings = checking.check_document(session.api, document, stage, secrets, changes)
    show_changes(session.out, changes)
    session.out.print_warnings(warnings)
    if check or not changes:
        _show_end(session.out, changes, warnings, applied=False)
        if changes:
            raise typer.Exit(ExitCode.DIFFERENT)
        return
    _confirm_changes(session.out, yes=yes, from_stdin="-" in files)
    carry_out(session, document, stage, changes)
    _show_end(session.out, changes, warnings, applied=True)


def show_changes(out: CommandOutput, changes: list[PlannedChange]) -> None:
    """Show the entries to create, change and remove."""
    for change in changes:
        sign = SIGNS[change.verb]
        head = f"{sign} {change.what}".translate(CONTROL_CHARACTERS)
        out.print_text(Text(head, style=f"bold {STYLES[sign]}"))
        for mark, text in change.lines:
            out.print_text(
                Text(f"    {mark} {text}".translate(CONTROL_CHARACTERS), style=STYLES[mark])
            )


def _show_end(
    out: CommandOutput, changes: list[PlannedChange], warnings: list[Json], *, applied: bool
) -> None:
    if out.as_json:
        rows = [
            {
                "verb": planned.verb,
                "what": planned.what,
                "lines": [" ".join(line) for line in planned.lines],
            }
            for planned in changes
        ]
        out.print_json({"changes": rows, "applied": applied, "warnings": warnings})
    elif not changes:
        out.print_text("nothing to do: the stage matches the files")
    else:
        created = sum(planned.verb == "create" for planned in changes)
        create, change = ("created", "changed") if applied else ("to create", "to change")
        out.print_text(f"{created} {create}, {len(changes) - created} {change}")


def _confirm_changes(out: CommandOutput, *, yes: bool, from_stdin: bool) -> None:
    if yes:
        return
    if out.as_json or from_stdin or not sys.stdin.isatty():
        raise Failure(
            "cannot ask for confirmation here: pass --yes to apply or --check to preview",
            ExitCode.USAGE,
        )
    if not typer.confirm("Apply?"):
        raise Failure("cancelled; nothing was changed", ExitCode.FAILED)


def carry_out(
    session: CommandSession,
    document: StageDocument,
    stage: planning.RemoteState,
    changes: list[PlannedChange],
) -> None:
    """Apply every change in order; a rejection names its location in the file."""
    calls = [call for change in changes for call in change.calls]
    template_ids = {name: str(template["id"]) for name, template in stage.templates.items()}
    hidden = session.out.as_json or not session.out.notes.is_terminal
    for number, call in enumerate(
        track(calls, "applying", console=session.out.notes, transient=True, disable=hidden)
    ):
        try:
            answer = session.api.call_api(
                call.method, call.path, _with_template_id(call, template_ids)
            )
        except Failure as failure:
            raise _locate_failure(failure, call, number, len(calls)) from None
        if answer and "promptTemplate" in answer:
            template_ids[answer["promptTemplate"]["name"]] = answer["promptTemplate"]["id"]


def _with_template_id(call: PlannedCall, template_ids: Mapping[str, str]) -> Json | None:
    """Return the body with the id of the template in place of its name."""
    body = call.body
    if body is None or "promptTemplate" not in body:
        return body
    name = body["promptTemplate"]
    if name is not None and name not in template_ids:
        message = f"no prompt template is named {name!r}"
        raise Failure(message, ExitCode.REFUSED, [{"field": "promptTemplate", "message": message}])
    rest = {key: value for key, value in body.items() if key != "promptTemplate"}
    return {**rest, "promptTemplateId": template_ids.get(name)}


def _locate_failure(failure: Failure, call: PlannedCall, done: int, whole: int) -> Failure:
    details = [
        {**detail, "field": f"{call.where}.{detail.get('field', '')}".rstrip(".")}
        for detail in failure.details
    ] or [{"field": call.where, "message": failure.message}]
    tail = f" ({done} of {whole} steps were done; apply again to continue)" if done else ""
    return Failure(f"{call.where}: {failure.message}{tail}", failure.code, details)


def _read_secrets(
    document: StageDocument, stage: planning.RemoteState, *, rotate: bool
) -> dict[str, str]:
    """Return the values of the secrets to send, by their location in the file."""
    secrets: dict[str, str] = {}
    faults = []
    for where, blueprint in document.blueprints:
        existing = stage.blueprints.get(where, {}).get("triggers", [])
        sealed = {
            trigger["config"].get("path")
            for trigger in existing
            if trigger["config"].get("hasSecret")
        }
        for number, trigger in enumerate(blueprint.get("triggers", [])):
            config, at = trigger.get("config", {}), f"{where}.triggers[{number}]"
            if "secret" not in config or (config.get("path") in sealed and not rotate):
                continue
            try:
                secrets[at] = _read_reference(config["secret"])
            except Failure as failure:
                faults.append({"field": f"{at}.config.secret", "message": failure.message})
    if faults:
        raise Failure(f"{faults[0]['field']}: {faults[0]['message']}", ExitCode.REFUSED, faults)
    return secrets


def _read_reference(reference: Mapping[str, str]) -> str:
    if "file" in reference:
        return read_file(str(Path(reference["file"]).expanduser())).rstrip("\n")
    value = os.environ.get(reference["env"])
    if not value:
        raise Failure(f"the environment variable {reference['env']} is not set", ExitCode.REFUSED)
    return value
