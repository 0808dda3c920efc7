"""The commands `optio schedule …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from optio_cli import finding
from optio_cli.api import Json
from optio_cli.output import ago, short
from optio_cli.session import AsJson, Session, group, open_session
from optio_cli.showing import trigger_state

app = group("List, pause, resume and explain schedules.")
Named = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE",
        help="A schedule's id, its task's name or id, or the beginning of an id.",
    ),
]


@app.command("list")
def index(as_json: AsJson = False) -> None:
    """List all schedules by their next fire time."""
    session = open_session(as_json)
    pairs = _all(session)
    pairs.sort(key=lambda pair: pair[1]["nextFireAt"] or "~")
    if as_json:
        session.out.json({"schedules": [_named(owner, one) for owner, one in pairs]})
        return
    session.out.table(
        ("ID", "TASK", "CRON", "ZONE", "STATE", "NEXT", "LAST"),
        [
            (
                short(one["id"]),
                owner["name"],
                one["config"]["cronExpression"],
                one["config"]["timezone"],
                _state(owner, one),
                ago(one["nextFireAt"]),
                ago(one["lastFiredAt"]),
            )
            for owner, one in pairs
        ],
        "no schedules yet: `optio task new --schedule`, or `optio apply`",
    )


def _all(session: Session) -> list[tuple[Json, Json]]:
    owners = list(finding.definitions(session.api))
    found: list[tuple[Json, Json]] = []
    columns = (SpinnerColumn(), TextColumn("{task.completed} of {task.total} blueprints"))
    hidden = session.out.as_json or not session.out.notes.is_terminal
    with Progress(*columns, console=session.out.notes, transient=True, disable=hidden) as progress:
        bar = progress.add_task("", total=len(owners))
        for owner, triggers in finding.with_triggers(session.api, owners, "schedule"):
            progress.advance(bar)
            found += [(owner, trigger) for trigger in triggers]
    return found


def _state(owner: Json, trigger: Json) -> str:
    state = trigger_state(trigger)
    return "task paused" if state == "enabled" and not owner["enabled"] else state


def _named(owner: Json, trigger: Json) -> Json:
    return {**trigger, "taskName": owner["name"]}


@app.command()
def pause(name: Named, as_json: AsJson = False) -> None:
    """Pause a schedule. Its occurrences during the pause never fire."""
    _turn(open_session(as_json), name, enabled=False)


@app.command()
def resume(name: Named, as_json: AsJson = False) -> None:
    """Resume a paused schedule from now on."""
    _turn(open_session(as_json), name, enabled=True)


def _turn(session: Session, name: str, *, enabled: bool) -> None:
    changed = []
    for owner, trigger in finding.schedules(session.api, name):
        path = f"/api/tasks/{owner['id']}/triggers/{trigger['id']}"
        new = session.api.call("PATCH", path, {"enabled": enabled})["trigger"]
        changed.append(_named(owner, new))
        session.out.say(f"{new['id']} {_state(owner, new)}")
        if enabled and not owner["enabled"]:
            session.out.note(
                f"{owner['name']} is paused, so its schedules do not fire until it is resumed"
            )
    if session.out.as_json:
        session.out.json({"schedules": changed})


@app.command("next")
def upcoming(name: Named, as_json: AsJson = False) -> None:
    """Show the next fire times of a schedule, in UTC and in its time zone."""
    session = open_session(as_json)
    pairs = finding.schedules(session.api, name)
    if as_json:
        session.out.json({"schedules": [_named(owner, one) for owner, one in pairs]})
        return
    for owner, trigger in pairs:
        config = trigger["config"]
        session.out.note(
            f"{owner['name']}: {config['cronExpression']} {config['timezone']}, "
            f"{_state(owner, trigger)}"
        )
        rows = [(at["utc"], at["local"], ago(at["utc"])) for at in trigger["nextFireTimes"]]
        session.out.table(("UTC", "LOCAL", "IN"), rows, "it will not fire again")


@app.command()
def explain(
    name: Named,
    at: Annotated[
        str, typer.Option(help="The time, such as 2026-11-24T09:00:00Z; now by default.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Explain in one sentence why a schedule did or did not fire at a given time."""
    session = open_session(as_json)
    answers = []
    for owner, trigger in finding.schedules(session.api, name):
        path = f"/api/tasks/{owner['id']}/triggers/{trigger['id']}/explain"
        answers.append(session.api.call("GET", path, query={"at": at}))
        session.out.say(answers[-1]["answer"])
    if as_json:
        session.out.json({"answers": answers})
