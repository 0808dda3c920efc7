"""`optio task firings`: what became of each occurrence, and why nothing was fired."""

from __future__ import annotations

from typing import Annotated

import typer

from optio_cli import finding
from optio_cli.api import Json
from optio_cli.output import ago, short
from optio_cli.session import AsJson, open_session

Named = Annotated[
    str, typer.Argument(metavar="TASK", help="The name or id of a definition, or how it begins.")
]


def firings(
    name: Named,
    limit: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what became of each occurrence of a definition, newest first, and why."""
    session = open_session(as_json)
    owner = finding.definition(session.api, name)
    pages = session.api.pages(f"/api/tasks/{owner['id']}/firings", "firings", limit)
    found = list(pages)
    if as_json:
        session.out.json({"firings": found})
        return
    kinds = {one["id"]: one["type"] for one in finding.triggers(session.api, owner["id"])}
    session.out.table(
        ("ID", "BY", "OCCURRENCE", "OUTCOME", "WHY", "RUN", "AT"),
        [_row(firing, kinds) for firing in found],
        "nothing was due yet",
    )


def _row(firing: Json, kinds: dict[str, str]) -> tuple[object, ...]:
    trigger = firing["triggerId"]
    by = kinds.get(trigger, "a trigger that is gone") if trigger else "hand"
    gap = f" to {firing['until']} ({firing['count']})" if firing.get("until") else ""
    return (
        short(firing["id"]),
        f"{by}, once more" if firing.get("redeliveryOf") else by,
        f"{firing['occurrence']}{gap}" if trigger else "",
        firing.get("runState") or firing["outcome"],
        firing["reason"],
        short(firing["taskId"]),
        ago(firing["firedAt"]),
    )
