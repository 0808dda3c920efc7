"""The session of a command: the API of a stage, and its output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from optio_cli.core import config
from optio_cli.core.api import ApiClient
from optio_cli.core.output import CommandOutput


def _is_given_anywhere(context: typer.Context, here: bool) -> bool:
    """Return whether an option is given to this command or to its group."""
    above = context.parent.params if context.parent else {}
    return here or bool(above.get("as_json"))


AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_is_given_anywhere,
        help="Print JSON for programs. Errors are JSON on standard error.",
    ),
]


def make_group(help_text: str) -> typer.Typer:
    """Return a group of commands whose options may also be given before the command."""
    group = typer.Typer(help=help_text, no_args_is_help=True, pretty_exceptions_enable=False)

    @group.callback()
    def everywhere(as_json: AsJson = False) -> None:
        """Accept the options that every command accepts."""

    return group


@dataclass(frozen=True)
class CommandSession:
    """The API and the output that one command works with."""

    api: ApiClient
    out: CommandOutput


def open_session(as_json: bool) -> CommandSession:
    """Return a session with the stage that the user is logged in to."""
    return CommandSession(ApiClient(config.load_login(os.environ)), CommandOutput(as_json=as_json))
