"""The command `optio api`: calls any route of the API, also those without their own command."""

from __future__ import annotations

from typing import Annotated

import typer

from optio_cli.core.arguments import parse_json, read_text
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.session import AsJson, open_session

HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def call_api(
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
    if verb not in HTTP_METHODS:
        raise Failure(
            f"{method!r} is not a method: use one of {', '.join(HTTP_METHODS)}", ExitCode.USAGE
        )
    if not path.startswith("/"):
        raise Failure(f"{path!r} is not a path: it must begin with /", ExitCode.USAGE)
    body = parse_json(read_text(data), "--data") if data else None
    session.out.print_json(session.api.call_api(verb, path, body))
