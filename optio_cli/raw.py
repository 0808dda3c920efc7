"""`optio api`: any call of the API, for what has no command of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from optio_cli.errors import Exit, Failure
from optio_cli.reading import json_of, text_of
from optio_cli.session import AsJson, open_session

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def api(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[str, typer.Argument(help="As in the API's description, /api/repos for one.")],
    data: Annotated[
        str, typer.Option("--data", "-d", help="The body: JSON, @FILE, or - for standard input.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Call the API, and print the JSON that it answers."""
    session = open_session(as_json)
    verb = method.upper()
    if verb not in METHODS:
        raise Failure(f"{method!r} is none of {', '.join(METHODS)}", Exit.USAGE)
    if not path.startswith("/"):
        raise Failure(f"a path begins with /, {path!r} does not", Exit.USAGE)
    body = json_of(text_of(data), "--data") if data else None
    session.out.json(session.api.call(verb, path, body))
