"""The commands `optio task pause`, `resume`, `clone` and `delete`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from optio_cli import finding
from optio_cli.errors import Exit, Failure
from optio_cli.session import AsJson, Session, open_session

Named = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The name, the id, or the beginning of the id of a blueprint."
    ),
]


def pause(name: Named, as_json: AsJson = False) -> None:
    """Pause a blueprint: none of its triggers fires until it is resumed."""
    _turn(open_session(as_json), name, enabled=False)


def resume(
    name: Annotated[str, typer.Argument(metavar="TASK", help="A blueprint or a run.")],
    prompt: Annotated[
        str, typer.Option(help="For a run: the new instructions for its agent.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Resume a paused blueprint or, with --prompt, a run."""
    session = open_session(as_json)
    if not prompt:
        _turn(session, name, enabled=True)
        return
    run = finding.run(session.api, name)
    made = session.api.call("POST", f"/api/tasks/{run['id']}/resume", {"prompt": prompt})
    if as_json:
        session.out.json(made)
    else:
        session.out.say(f"{run['id']} {made['task']['state']}")


def _turn(session: Session, name: str, *, enabled: bool) -> None:
    owner = finding.definition(session.api, name)
    if finding.is_run(owner):
        raise Failure(f"{name!r} is a run: resume it with --prompt", Exit.USAGE)
    new = session.api.call("PATCH", f"/api/tasks/{owner['id']}", {"enabled": enabled})
    if session.out.as_json:
        session.out.json(new)
    else:
        session.out.say(f"{owner['id']} {'enabled' if enabled else 'paused'}")
        session.out.warn(new["warnings"])


def clone(name: Named, as_json: AsJson = False) -> None:
    """Create a paused copy of a blueprint and of its triggers except webhooks; print its id."""
    session = open_session(as_json)
    owner = finding.definition(session.api, name)
    made = session.api.call("POST", f"/api/tasks/{owner['id']}/clone")
    if as_json:
        session.out.json(made)
    else:
        session.out.say(made["task"]["id"])
        session.out.warn(made["warnings"])


def delete(
    name: Named,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Skip the confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a blueprint and its triggers; its runs and its ledger stay."""
    session = open_session(as_json)
    owner = finding.definition(session.api, name)
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise Failure("cannot ask for confirmation here: pass --yes to delete", Exit.USAGE)
        if not typer.confirm(f"Delete {owner.get('name') or owner['id']}?"):
            raise Failure("cancelled; nothing was changed", Exit.FAILED)
    session.api.call("DELETE", f"/api/tasks/{owner['id']}")
    if as_json:
        session.out.json({"deleted": owner["id"]})
    else:
        session.out.say(f"{owner['id']} deleted")
