"""The command `optio api`: calls any route of the API, also those without their own command."""

from __future__ import annotations

from typing import Annotated

import typer

from optio_cli.errors import Exit, Failure
from optio_cli.reading import json_of, text_of
from optio_cli.session import AsJson, open_session

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def api(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[str, typer.Argument(help="A path of the API, for example /api/repos.")],
    data: Annotated[
        str,
        typer.Option(
            "--data", "-d", help="The request body: JSON, @FILE, or - for standard input."
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Call a route of the API and print the JSON of its response."""
    session = open_session(as_json)
    verb = method.upper()
    if verb not in METHODS:
        raise Failure(f"{method!r} is not a method: use one of {', '.join(METHODS)}", Exit.USAGE)
    if not path.startswith("/"):
        raise Failure(f"{path!r} is not a path: it must begin with /", Exit.USAGE)
    body = json_of(text_of(data), "--data") if data else None
    session.out.json(session.api.call(verb, path, body))
