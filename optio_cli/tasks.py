"""The commands `optio task …`, for blueprints and runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from optio_cli import finding, following, ledger, saving, showing, switching
from optio_cli.api import Json
from optio_cli.errors import Exit, Failure
from optio_cli.output import ago, readable, short
from optio_cli.reading import params_of, text_of
from optio_cli.session import AsJson, Session, group, open_session

app = group("Manage blueprints and runs.")
app.command()(ledger.firings)
app.command()(switching.pause)
app.command()(switching.resume)
app.command()(switching.clone)
app.command()(switching.delete)
Named = Annotated[str, typer.Argument(metavar="TASK", help="A name, an id, or its beginning.")]
ARun = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id or its beginning, or a blueprint's name."),
]
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN…", help="Ids of runs, or their beginnings.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Wait until the run ends.")]


@app.command("list")
def index(
    kind: Annotated[
        str, typer.Option("--type", help="repo-task, workflow-run, repo-blueprint, standalone, all")
    ] = "all",
    state: Annotated[str, typer.Option(help="Show only runs in this state.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of tasks.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List blueprints and then runs, each newest first."""
    session = open_session(as_json)
    pages = session.api.pages("/api/tasks", "tasks", limit, {"type": kind, "state": state})
    tasks = list(pages)
    if as_json:
        session.out.json({"tasks": tasks})
        return
    session.out.table(
        ("ID", "TYPE", "NAME", "STATE", "AGENT", "CREATED"),
        [
            (
                short(task["id"]),
                task["type"],
                task.get("name") or task["title"],
                showing.state(task),
                task["agentType"],
                ago(task["createdAt"]),
            )
            for task in tasks
        ],
        "no tasks yet: `optio task new` starts a run, `optio apply` creates blueprints",
    )


@app.command()
def show(name: Named, as_json: AsJson = False) -> None:
    """Show a blueprint with its triggers and newest runs, or a run with its history."""
    session = open_session(as_json)
    task = finding.anything(session.api, name)
    if finding.is_run(task):
        events = session.api.call("GET", f"/api/tasks/{task['id']}/events")["events"]
        shown: Json = {"task": task, "events": events}
    else:
        listed = session.api.call("GET", f"/api/tasks/{task['id']}/triggers")
        runs = session.api.call("GET", f"/api/tasks/{task['id']}/runs", query={"limit": 10})["runs"]
        shown = {"task": task, **listed, "runs": runs}
    if as_json:
        session.out.json(shown)
    else:
        showing.show(session.out, shown)


@app.command()
def logs(
    name: ARun,
    follow: Follow = False,
    limit: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000)] = 200,
    log_type: Annotated[str, typer.Option("--log-type", help="Show only lines of this type.")] = "",
    search: Annotated[str, typer.Option(help="Show only lines that contain this text.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the newest lines of a run's log; --follow continues until the run ends."""
    session = open_session(as_json)
    run = finding.run(session.api, name, newest=True)
    query = {"limit": limit, "logType": log_type, "search": search}
    if follow:
        following.show(session, run, query)
        return
    for line in following.page(session.api, run["id"], None, query)["logs"]:
        following.show_line(session, line)


@app.command()
def files(
    name: ARun,
    into: Annotated[str, typer.Option(help="The directory to save the files in.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the output files of a run; --into saves them."""
    session = open_session(as_json)
    run = finding.run(session.api, name, newest=True)
    if into:
        saving.save(session, run, Path(into))
    elif as_json:
        session.out.json({"outputs": run["outputs"]})
    else:
        showing.files(session.out, run["outputs"])


@app.command()
def new(
    prompt: Annotated[
        str, typer.Option(help="The instructions: text, @FILE, or - for standard input.")
    ],
    name: Annotated[
        str, typer.Option(help="The name; by default the first line of the prompt.")
    ] = "",
    kind: Annotated[
        str,
        typer.Option("--type", help="repo-task runs now; repo-blueprint and standalone are saved."),
    ] = "repo-task",
    repo: Annotated[str, typer.Option(help="owner/name or the URL of a repo.")] = "",
    branch: Annotated[str, typer.Option(help="The branch to start from.")] = "",
    agent: Annotated[str, typer.Option(help="claude-code, codex, …, command")] = "",
    agent_command: Annotated[str, typer.Option(help="The script of the agent 'command'.")] = "",
    model: Annotated[str, typer.Option()] = "",
    secret: Annotated[
        list[str] | None, typer.Option(help="The name of a secret. Repeatable.")
    ] = None,
    schedule: Annotated[str, typer.Option(help="The cron expression of a schedule.")] = "",
    timezone: Annotated[str, typer.Option(help="The time zone of the schedule.")] = "UTC",
    follow: Follow = False,
    as_json: AsJson = False,
) -> None:
    """Start a run now, or save a blueprint."""
    session = open_session(as_json)
    text = text_of(prompt)
    asked: dict[str, Any] = {
        "type": kind,
        "name": name or (text.strip().splitlines() or [""])[0][:80],
        "prompt": text,
        "repoUrl": repo,
        "repoBranch": branch,
        "agentType": agent,
        "agentCommand": text_of(agent_command),
        "model": model,
        "secrets": secret,
    }
    body = {field: value for field, value in asked.items() if value}
    if schedule:
        config = {"cronExpression": schedule, "timezone": timezone}
        body["triggers"] = [{"type": "schedule", "config": config}]
    made = session.api.call("POST", "/api/tasks", body)
    _made(session, made, follow=follow and finding.is_run(made["task"]))


def _made(session: Session, made: Json, *, follow: bool) -> None:
    task = made["task"]
    if follow:
        session.out.note(f"{task['type']} {task['id']}")
        session.out.warn(made["warnings"])
        following.show(session, task)
    elif session.out.as_json:
        session.out.json(made)
    else:
        session.out.say(task["id"])
        session.out.warn(made["warnings"])


@app.command()
def run(
    name: Named,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", help="A param: key=text or key:=JSON. Repeatable."),
    ] = None,
    params: Annotated[str, typer.Option(help="All params as a JSON object, @FILE or -.")] = "",
    key: Annotated[
        str, typer.Option("--idempotency-key", help="A repeated key does not start a second run.")
    ] = "",
    follow: Follow = False,
    as_json: AsJson = False,
) -> None:
    """Run a blueprint now and print the id of the run."""
    session = open_session(as_json)
    owner = finding.definition(session.api, name)
    given = params_of(text_of(params), param or [])
    if not params and not param:
        given = _scheduled_params(session, owner)
    body = {"params": given}
    path = f"/api/tasks/{owner['id']}/runs"
    made = session.api.call("POST", path, body, key=key or None)
    if follow:
        session.out.note(f"{made['type']} {made['runId']}")
        following.show(session, finding.task(session.api, made["runId"]))
    elif as_json:
        session.out.json(made)
    else:
        session.out.say(made["runId"])


def _scheduled_params(session: Session, owner: Json) -> Json:
    """Return the params of the blueprint's schedules, or fail if they differ."""
    schedules = finding.triggers(session.api, owner["id"], "schedule")
    held: list[Json] = [one["paramMapping"] for one in schedules if one["paramMapping"]]
    if any(params != held[0] for params in held):
        choices = " or ".join(f"--params '{json.dumps(each, ensure_ascii=False)}'" for each in held)
        raise Failure(f"its schedules have different params; pass {choices}", Exit.USAGE)
    if held:
        session.out.note(f"with the params of its schedule: {readable(held[0])}")
    return held[0] if held else {}


@app.command()
def cancel(names: Runs, as_json: AsJson = False) -> None:
    """Cancel runs; commits that they have pushed stay."""
    _each(open_session(as_json), names, "cancel")


@app.command()
def retry(names: Runs, follow: Follow = False, as_json: AsJson = False) -> None:
    """Retry failed or cancelled runs."""
    session = open_session(as_json)
    if follow and len(names) > 1:
        raise Failure("--follow accepts only one run", Exit.USAGE)
    done = _each(session, names, "retry", quiet=follow)
    if follow:
        following.show(session, done[0])


def _each(session: Session, names: list[str], verb: str, *, quiet: bool = False) -> list[Json]:
    """Call one action for each run, and report rejected ones after the others."""
    done: list[Json] = []
    refused: list[Failure] = []
    for name in names:
        try:
            run = finding.run(session.api, name)
            done.append(session.api.call("POST", f"/api/tasks/{run['id']}/{verb}")["task"])
            session.out.say(f"{run['id']} {done[-1]['state']}")
        except Failure as failure:
            refused.append(failure)
    if session.out.as_json and not quiet:
        session.out.json({"tasks": done})
    if len(names) == 1 and refused:
        raise refused[0]
    if refused:
        faults = [{"field": "run", "message": one.message} for one in refused]
        raise Failure(f"{len(refused)} of {len(names)} rejected", refused[0].code, faults)
    return done
