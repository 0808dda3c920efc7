"""What every command has at hand: the API of a stage, and somewhere to speak."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from optio_cli import config
from optio_cli.api import Api
from optio_cli.output import Out

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON, for programs; errors too, on standard error.")
]


@dataclass(frozen=True)
class Session:
    """One command's work."""

    api: Api
    out: Out


def open_session(as_json: bool) -> Session:
    """Return a session with the stage that this person logged in to."""
    return Session(Api(config.load(os.environ)), Out(as_json=as_json))
