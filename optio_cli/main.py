"""The `optio` program: its commands and their exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from optio_cli import applying, config, doctor, exporting, raw, schedules, secrets, tasks
from optio_cli.api import Api
from optio_cli.config import Login
from optio_cli.errors import Exit, Failure
from optio_cli.output import Out, show_failure
from optio_cli.session import AsJson, group

app = group(
    "Schedule coding agents: manage tasks, schedules and secrets, and apply blueprints from files."
)
app.add_typer(tasks.app, name="task")
app.add_typer(schedules.app, name="schedule")
app.add_typer(secrets.app, name="secret")
app.command()(applying.apply)
app.command()(exporting.export)
app.command()(doctor.doctor)
app.command()(raw.api)


@app.command()
def login(
    url: Annotated[str, typer.Option(help="The URL of the stage.")] = "",
    as_json: AsJson = False,
) -> None:
    """Log in to a stage: check its URL and token, and save both.

    The token is prompted for, or read from standard input. OPTIO_URL and OPTIO_TOKEN also work.
    """
    out = Out(as_json=as_json)
    url = config.checked_url(url or os.environ.get("OPTIO_URL") or _asked("URL of the stage"))
    token = config.checked_token(os.environ.get("OPTIO_TOKEN") or _token())
    Api(Login(url=url, token=token)).call("GET", "/api/tasks", query={"limit": 1})
    file = config.save(Login(url=url, token=token), os.environ)
    if as_json:
        out.json({"url": url, "file": str(file)})
    else:
        out.say(f"logged in to {url} (saved in {file})")


def _asked(what: str) -> str:
    if not sys.stdin.isatty():
        raise Failure("the URL of the stage is missing: pass --url or set OPTIO_URL", Exit.USAGE)
    return str(typer.prompt(what, err=True))


def _token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    return sys.stdin.read()


def _for_a_program() -> None:
    """Run a command and report wrong usage as JSON as well."""
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as wrong:
        raise Failure(wrong.format_message(), Exit.USAGE) from None
    except typer.Abort:
        raise KeyboardInterrupt from None


def main() -> None:
    """Run a command and exit with the code of its outcome."""
    as_json = "--json" in sys.argv
    try:
        _for_a_program() if as_json else app()
    except Failure as failure:
        show_failure(failure, as_json=as_json)
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
