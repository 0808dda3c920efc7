"""The command `optio task firings`: the ledger of a blueprint, with the reason of each skip."""

from __future__ import annotations

from typing import Annotated

import typer

from chalicelib.domain.texts.state_word import state_word
from optio_cli.core import resolve
from optio_cli.core.api import Json
from optio_cli.core.output import relative_time, short_id
from optio_cli.core.session import AsJson, open_session

Named = Annotated[
    str,
    typer.Argument(
        metavar="TASK", help="The name, the id, or the beginning of the id of a blueprint."
    ),
]


def list_firings(
    name: Named,
    limit: Annotated[
        int, typer.Option("--lines", "-n", min=1, help="Maximum number of firings.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """List the firings of a blueprint with their outcomes and reasons, newest first."""
    session = open_session(as_json)
    owner = resolve.find_blueprint(session.api, name)
    pages = session.api.iter_pages(f"/api/tasks/{owner['id']}/firings", "firings", limit)
    firings = list(pages)
    if as_json:
        session.out.print_json({"firings": firings})
        return
    kinds = {
        trigger["id"]: trigger["type"]
        for trigger in resolve.list_triggers(session.api, owner["id"])
    }
    session.out.print_table(
        ("ID", "BY", "OCCURRENCE", "OUTCOME", "WHY", "RUN", "AT"),
        [_firing_row(firing, kinds) for firing in firings],
        "no firings yet",
    )


def _firing_row(firing: Json, kinds: dict[str, str]) -> tuple[object, ...]:
    trigger = firing["triggerId"]
    by = kinds.get(trigger, "deleted trigger") if trigger else "manual"
    gap = f" to {firing['until']} ({firing['count']})" if firing.get("until") else ""
    return (
        short_id(firing["id"]),
        f"{by}, redelivered" if firing.get("redeliveryOf") else by,
        f"{firing['occurrence']}{gap}" if trigger else "",
        state_word(firing.get("runState") or firing["outcome"]),
        firing["reason"],
        short_id(firing["taskId"]),
        relative_time(firing["firedAt"]),
    )
