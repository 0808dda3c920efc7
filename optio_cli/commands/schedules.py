"""The commands `optio schedule …`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from optio_cli.core import resolve
from optio_cli.core.api import Json
from optio_cli.core.output import relative_time, short_id
from optio_cli.core.render import trigger_state
from optio_cli.core.session import AsJson, CommandSession, make_group, open_session

app = make_group("List, pause, resume and explain schedules.")
Named = Annotated[
    str,
    typer.Argument(
        metavar="SCHEDULE",
        help="A schedule's id, its task's name or id, or the beginning of an id.",
    ),
]


@app.command("list")
def list_schedules(as_json: AsJson = False) -> None:
    """List all schedules by their next fire time."""
    session = open_session(as_json)
    pairs = _list_all(session)
    pairs.sort(key=lambda pair: pair[1]["nextFireAt"] or "~")
    if as_json:
        session.out.print_json(
            {"schedules": [_named_row(owner, schedule) for owner, schedule in pairs]}
        )
        return
    session.out.print_table(
        ("ID", "TASK", "CRON", "ZONE", "STATE", "NEXT", "LAST"),
        [
            (
                short_id(schedule["id"]),
                owner["name"],
                schedule["config"]["cronExpression"],
                schedule["config"]["timezone"],
                _schedule_state(owner, schedule),
                relative_time(schedule["nextFireAt"]),
                relative_time(schedule["lastFiredAt"]),
            )
            for owner, schedule in pairs
        ],
        "no schedules yet: `optio task new --schedule`, or `optio apply`",
    )


def _list_all(session: CommandSession) -> list[tuple[Json, Json]]:
    owners = list(resolve.iter_blueprints(session.api))
    pairs: list[tuple[Json, Json]] = []
    columns = (SpinnerColumn(), TextColumn("{task.completed} of {task.total} blueprints"))
    hidden = session.out.as_json or not session.out.notes.is_terminal
    with Progress(*columns, console=session.out.notes, transient=True, disable=hidden) as progress:
        bar = progress.add_task("", total=len(owners))
        for owner, triggers in resolve.with_triggers(session.api, owners, "schedule"):
            progress.advance(bar)
            pairs += [(owner, trigger) for trigger in triggers]
    return pairs


def _schedule_state(owner: Json, trigger: Json) -> str:
    state = trigger_state(trigger)
    return "task paused" if state == "enabled" and not owner["enabled"] else state


def _named_row(owner: Json, trigger: Json) -> Json:
    return {**trigger, "taskName": owner["name"]}


@app.command("pause")
def pause_schedule(name: Named, as_json: AsJson = False) -> None:
    """Pause a schedule. Its occurrences during the pause never fire."""
    _set_enabled(open_session(as_json), name, enabled=False)


@app.command("resume")
def resume_schedule(name: Named, as_json: AsJson = False) -> None:
    """Resume a paused schedule from now on."""
    _set_enabled(open_session(as_json), name, enabled=True)


def _set_enabled(session: CommandSession, name: str, *, enabled: bool) -> None:
    changed = []
    for owner, trigger in resolve.find_schedules(session.api, name):
        path = f"/api/tasks/{owner['id']}/triggers/{trigger['id']}"
        new = session.api.call_api("PATCH", path, {"enabled": enabled})["trigger"]
        changed.append(_named_row(owner, new))
        session.out.print_text(f"{new['id']} {_schedule_state(owner, new)}")
        if enabled and not owner["enabled"]:
            session.out.print_note(
                f"{owner['name']} is paused, so its schedules do not fire until it is resumed"
            )
    if session.out.as_json:
        session.out.print_json({"schedules": changed})


@app.command("next")
def show_next_fires(name: Named, as_json: AsJson = False) -> None:
    """Show the next fire times of a schedule, in UTC and in its time zone."""
    session = open_session(as_json)
    pairs = resolve.find_schedules(session.api, name)
    if as_json:
        session.out.print_json(
            {"schedules": [_named_row(owner, schedule) for owner, schedule in pairs]}
        )
        return
    for owner, trigger in pairs:
        config = trigger["config"]
        session.out.print_note(
            f"{owner['name']}: {config['cronExpression']} {config['timezone']}, "
            f"{_schedule_state(owner, trigger)}"
        )
        rows = [
            (at["utc"], at["local"], relative_time(at["utc"])) for at in trigger["nextFireTimes"]
        ]
        session.out.print_table(("UTC", "LOCAL", "IN"), rows, "it will not fire again")


@app.command("explain")
def explain_firing(
    name: Named,
    at: Annotated[
        str, typer.Option(help="The time, such as 2026-11-24T09:00:00Z; now by default.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Explain in one sentence why a schedule did or did not fire at a given time."""
    session = open_session(as_json)
    answers = []
    for owner, trigger in resolve.find_schedules(session.api, name):
        path = f"/api/tasks/{owner['id']}/triggers/{trigger['id']}/explain"
        answers.append(session.api.call_api("GET", path, query={"at": at}))
        session.out.print_text(answers[-1]["answer"])
    if as_json:
        session.out.print_json({"answers": answers})
