"""The commands `optio secret …`; values are read from a prompt or standard input."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import quote

import typer

from optio_cli.errors import Exit, Failure
from optio_cli.output import ago
from optio_cli.reading import sendable
from optio_cli.session import AsJson, group, open_session

app = group("Manage secrets. Their values cannot be read back.")
Name = Annotated[
    str, typer.Argument(help="The environment variable's name: letters, digits and underscores.")
]
Scope = Annotated[
    str, typer.Option(help="global (all repos), or the URL of the one repo that may use it.")
]


@app.command("set")
def keep(name: Name, scope: Scope = "global", as_json: AsJson = False) -> None:
    """Save a secret; its value is prompted for, or read from standard input."""
    session = open_session(as_json)
    value = _value(name)
    if not value:
        raise Failure("the value is empty", Exit.USAGE, [{"field": "value", "message": "is empty"}])
    body = {"value": value, "scope": scope}
    kept = session.api.call("PUT", f"/api/secrets/{quote(name, safe='')}", body)
    if as_json:
        session.out.json(kept)
    else:
        session.out.say(f"{kept['secret']['name']} saved ({kept['secret']['scope']})")
        session.out.warn(kept["warnings"])


def _value(name: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True, err=True))
    # Programs end piped text with a line break, which is not part of the secret.
    return sendable(sys.stdin.read()).removesuffix("\n").removesuffix("\r")


@app.command("list")
def index(as_json: AsJson = False) -> None:
    """List the names of the secrets."""
    session = open_session(as_json)
    found = list(session.api.pages("/api/secrets", "secrets"))
    if as_json:
        session.out.json({"secrets": found})
        return
    rows = [(one["name"], one["scope"], ago(one["updatedAt"])) for one in found]
    session.out.table(("NAME", "SCOPE", "CHANGED"), rows, "no secrets yet: `optio secret set`")


@app.command("delete")
def forget(name: Name, scope: Scope = "global", as_json: AsJson = False) -> None:
    """Delete a secret immediately."""
    session = open_session(as_json)
    session.api.call("DELETE", f"/api/secrets/{quote(name, safe='')}", query={"scope": scope})
    if as_json:
        session.out.json({"deleted": name, "scope": scope})
    else:
        session.out.say(f"{name} deleted")
