"""The commands `optio task pause`, `resume_task`, `clone_task` and `delete_task`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from optio_cli.core import render, resolve
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.session import AsJson, CommandSession, open_session

Named = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The name, the id, or the beginning of the id of a blueprint."
    ),
]


def pause_task(name: Named, as_json: AsJson = False) -> None:
    """Pause a blueprint: none of its triggers fires until it is resumed."""
    _set_enabled(open_session(as_json), name, enabled=False)


def resume_task(
    name: Annotated[str, typer.Argument(metavar="TASK", help="A blueprint or a run.")],
    prompt: Annotated[
        str, typer.Option(help="For a run: the new instructions for its agent.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Resume a paused blueprint or, with --prompt, a run."""
    session = open_session(as_json)
    if not prompt:
        _set_enabled(session, name, enabled=True)
        return
    run = resolve.find_run(session.api, name)
    answer = session.api.call_api("POST", f"/api/tasks/{run['id']}/resume", {"prompt": prompt})
    if as_json:
        session.out.print_json(answer)
    else:
        session.out.print_text(f"{run['id']} {render.task_state(answer['task'])}")


def _set_enabled(session: CommandSession, name: str, *, enabled: bool) -> None:
    owner = resolve.find_blueprint(session.api, name)
    if resolve.is_run(owner):
        raise Failure(f"{name!r} is a run: resume it with --prompt", ExitCode.USAGE)
    new = session.api.call_api("PATCH", f"/api/tasks/{owner['id']}", {"enabled": enabled})
    if session.out.as_json:
        session.out.print_json(new)
    else:
        session.out.print_text(f"{owner['id']} {'enabled' if enabled else 'paused'}")
        session.out.print_warnings(new["warnings"])


def clone_task(name: Named, as_json: AsJson = False) -> None:
    """Create a paused copy of a blueprint and of its triggers except webhooks; print its id."""
    session = open_session(as_json)
    owner = resolve.find_blueprint(session.api, name)
    answer = session.api.call_api("POST", f"/api/tasks/{owner['id']}/clone")
    if as_json:
        session.out.print_json(answer)
    else:
        session.out.print_text(answer["task"]["id"])
        session.out.print_warnings(answer["warnings"])


def delete_task(
    name: Named,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a blueprint and its triggers; its runs and its ledger stay."""
    session = open_session(as_json)
    owner = resolve.find_blueprint(session.api, name)
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise Failure("cannot ask for confirmation here: pass --yes to delete", ExitCode.USAGE)
        if not typer.confirm(f"Delete {owner.get('name') or owner['id']}?"):
            raise Failure("cancelled; nothing was changed", ExitCode.FAILED)
    session.api.call_api("DELETE", f"/api/tasks/{owner['id']}")
    if as_json:
        session.out.print_json({"deleted": owner["id"]})
    else:
        session.out.print_text(f"{owner['id']} deleted")
