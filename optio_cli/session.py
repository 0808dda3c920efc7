"""What every command has at hand: the API of a stage, and somewhere to speak."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from optio_cli import config
from optio_cli.api import Api
from optio_cli.output import Out


def _anywhere(context: typer.Context, here: bool) -> bool:
    """Return whether an option is given here, or to what this is a command of."""
    above = context.parent.params if context.parent else {}
    return here or bool(above.get("as_json"))


AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_anywhere,
        help="Print JSON, for programs; errors too, on standard error.",
    ),
]


def group(told: str) -> typer.Typer:
    """Return a group of commands, whose options may be given before the command, too."""
    made = typer.Typer(help=told, no_args_is_help=True, pretty_exceptions_enable=False)

    @made.callback()
    def everywhere(as_json: AsJson = False) -> None:
        """Take what each command takes as well."""

    return made


@dataclass(frozen=True)
class Session:
    """One command's work."""

    api: Api
    out: Out


def open_session(as_json: bool) -> Session:
    """Return a session with the stage that this person logged in to."""
    return Session(Api(config.load(os.environ)), Out(as_json=as_json))
