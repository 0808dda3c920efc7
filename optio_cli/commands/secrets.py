"""The commands `optio secret …`; values are read from a prompt or standard input."""

from __future__ import annotations

import sys
from typing import Annotated
from urllib.parse import quote

import typer

from optio_cli.core.arguments import check_sendable
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import relative_time
from optio_cli.core.session import AsJson, make_group, open_session

app = make_group("Manage secrets. Their values cannot be read back.")
Name = Annotated[
    str, typer.Argument(help="The environment variable's name: letters, digits and underscores.")
]
Scope = Annotated[
    str, typer.Option(help="global (all repos), or the URL of the one repo that may use it.")
]


@app.command("set")
def set_secret(name: Name, scope: Scope = "global", as_json: AsJson = False) -> None:
    """Save a secret; its value is prompted for, or read from standard input."""
    session = open_session(as_json)
    value = _read_value(name)
    if not value:
        raise Failure(
            "the value is empty", ExitCode.USAGE, [{"field": "value", "message": "is empty"}]
        )
    body = {"value": value, "scope": scope}
    answer = session.api.call_api("PUT", f"/api/secrets/{quote(name, safe='')}", body)
    if as_json:
        session.out.print_json(answer)
    else:
        session.out.print_text(f"{answer['secret']['name']} saved ({answer['secret']['scope']})")
        session.out.print_warnings(answer["warnings"])


def _read_value(name: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True, err=True))
    # Programs end piped text with a line break, which is not part of the secret.
    return check_sendable(sys.stdin.read()).removesuffix("\n").removesuffix("\r")


@app.command("list")
def list_secrets(as_json: AsJson = False) -> None:
    """List the names of the secrets."""
    session = open_session(as_json)
    secrets = list(session.api.iter_pages("/api/secrets", "secrets"))
    if as_json:
        session.out.print_json({"secrets": secrets})
        return
    rows = [
        (secret["name"], secret["scope"], relative_time(secret["updatedAt"])) for secret in secrets
    ]
    session.out.print_table(
        ("NAME", "SCOPE", "CHANGED"), rows, "no secrets yet: `optio secret set`"
    )


@app.command("delete")
def delete_secret(name: Name, scope: Scope = "global", as_json: AsJson = False) -> None:
    """Delete a secret immediately."""
    session = open_session(as_json)
    session.api.call_api("DELETE", f"/api/secrets/{quote(name, safe='')}", query={"scope": scope})
    if as_json:
        session.out.print_json({"deleted": name, "scope": scope})
    else:
        session.out.print_text(f"{name} deleted")
