"""The files of a run, saved on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from optio_cli.api import Json
from optio_cli.errors import Exit, Failure
from optio_cli.session import Session


def save(session: Session, run: Json, directory: Path) -> None:
    """Save every file of a run; what is there already is left alone, and said to be so."""
    saved = []
    for output in run["outputs"]:
        # The service refuses such names; a file of somebody else's machine is checked again here.
        target = directory / Path(output["name"]).name
        content = session.api.download(
            f"/api/tasks/{run['id']}/outputs/{quote(output['name'], safe='')}"
        )
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
        except OSError as error:
            raise Failure(f"{target} cannot be written: {error.strerror}", Exit.USAGE) from None
        saved.append(str(target))
        session.out.say(str(target))
    if session.out.as_json:
        session.out.json({"saved": saved})
