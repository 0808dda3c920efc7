"""The `optio` program: its commands and their exit codes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from optio_cli.commands import api, applying, doctor, exporting, schedules, secrets, tasks
from optio_cli.core import config
from optio_cli.core.api import ApiClient
from optio_cli.core.config import Login
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import CommandOutput, show_failure
from optio_cli.core.session import AsJson, make_group

app = make_group(
    "Schedule coding agents: manage tasks, schedules and secrets, and apply blueprints from files."
)
app.add_typer(tasks.app, name="task")
app.add_typer(schedules.app, name="schedule")
app.add_typer(secrets.app, name="secret")
app.command("apply")(applying.apply_files)
app.command("export")(exporting.export_stage)
app.command("doctor")(doctor.run_doctor)
app.command("api")(api.call_api)


@app.command("login")
def log_in(
    url: Annotated[str, typer.Option(help="The URL of the stage.")] = "",
    as_json: AsJson = False,
) -> None:
    """Log in to a stage: check its URL and token, and save both.

    The token is prompted for, or read from standard input. OPTIO_URL and OPTIO_TOKEN also work.
    """
    out = CommandOutput(as_json=as_json)
    url = config.check_url(url or os.environ.get("OPTIO_URL") or _ask_for("URL of the stage"))
    token = config.check_token(os.environ.get("OPTIO_TOKEN") or _read_token())
    ApiClient(Login(url=url, token=token)).call_api("GET", "/api/tasks", query={"limit": 1})
    file = config.save_login(Login(url=url, token=token), os.environ)
    if as_json:
        out.print_json({"url": url, "file": str(file)})
    else:
        out.print_text(f"logged in to {url} (saved in {file})")


def _ask_for(what: str) -> str:
    if not sys.stdin.isatty():
        raise Failure(
            "the URL of the stage is missing: pass --url or set OPTIO_URL", ExitCode.USAGE
        )
    return str(typer.prompt(what, err=True))


def _read_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    return sys.stdin.read()


def _run_for_program() -> None:
    """Run a command and report wrong usage as JSON as well."""
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as wrong:
        raise Failure(wrong.format_message(), ExitCode.USAGE) from None
    except typer.Abort:
        raise KeyboardInterrupt from None


def main() -> None:
    """Run a command and exit with the code of its outcome."""
    as_json = "--json" in sys.argv
    try:
        _run_for_program() if as_json else app()
    except Failure as failure:
        show_failure(failure, as_json=as_json)
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
