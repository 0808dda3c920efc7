"""Saves the output files of a run on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from optio_cli.core.api import Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.session import CommandSession


def save_files(session: CommandSession, run: Json, directory: Path) -> None:
    """Save every output file of a run; an existing file is never overwritten but reported."""
    saved = []
    for output in run["outputs"]:
        # The service rejects names with a path, but this machine does not rely on that.
        target = directory / Path(output["name"]).name
        content = session.api.download_file(
            f"/api/tasks/{run['id']}/outputs/{quote(output['name'], safe='')}"
        )
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
        except OSError as error:
            raise Failure(f"{target} cannot be written: {error.strerror}", ExitCode.USAGE) from None
        saved.append(str(target))
        session.out.print_text(str(target))
    if session.out.as_json:
        session.out.print_json({"saved": saved})
