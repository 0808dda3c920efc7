"""The commands `optio task …`, for blueprints and runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from chalicelib.domain.texts.state_word import parse_state
from optio_cli.commands import firings, lifecycle
from optio_cli.core import download, render, resolve
from optio_cli.core import follow as log_following
from optio_cli.core.api import Json
from optio_cli.core.arguments import read_params, read_text
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import format_value, relative_time, short_id
from optio_cli.core.session import AsJson, CommandSession, make_group, open_session

app = make_group("Manage blueprints and runs.")
app.command("firings")(firings.list_firings)
app.command("pause")(lifecycle.pause_task)
app.command("resume")(lifecycle.resume_task)
app.command("clone")(lifecycle.clone_task)
app.command("delete")(lifecycle.delete_task)
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
def list_tasks(
    kind: Annotated[
        str, typer.Option("--type", help="repo-task, workflow-run, repo-blueprint, standalone, all")
    ] = "all",
    state: Annotated[
        str, typer.Option(help="Show only runs in this state, such as failed or 'PR open'.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of tasks.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List blueprints and then runs, each newest first."""
    session = open_session(as_json)
    query = {"type": kind, "state": parse_state(state)}
    pages = session.api.iter_pages("/api/tasks", "tasks", limit, query)
    tasks = list(pages)
    if as_json:
        session.out.print_json({"tasks": tasks})
        return
    session.out.print_table(
        ("ID", "TYPE", "NAME", "STATE", "AGENT", "CREATED"),
        [
            (
                short_id(task["id"]),
                task["type"],
                task.get("name") or task["title"],
                render.task_state(task),
                task["agentType"],
                relative_time(task["createdAt"]),
            )
            for task in tasks
        ],
        "no tasks yet: `optio task new` starts a run, `optio apply` creates blueprints",
    )


@app.command("show")
def show_task(name: Named, as_json: AsJson = False) -> None:
    """Show a blueprint with its triggers and newest runs, or a run with its history."""
    session = open_session(as_json)
    task = resolve.find_task(session.api, name)
    if resolve.is_run(task):
        events = session.api.call_api("GET", f"/api/tasks/{task['id']}/events")["events"]
        shown: Json = {"task": task, "events": events}
    else:
        listing = session.api.call_api("GET", f"/api/tasks/{task['id']}/triggers")
        runs = session.api.call_api("GET", f"/api/tasks/{task['id']}/runs", query={"limit": 10})[
            "runs"
        ]
        shown = {"task": task, **listing, "runs": runs}
    if as_json:
        session.out.print_json(shown)
    else:
        render.show_task(session.out, shown)


@app.command("logs")
def show_logs(
    name: ARun,
    follow: Follow = False,
    limit: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000)] = 200,
    log_type: Annotated[str, typer.Option("--log-type", help="Show only lines of this type.")] = "",
    search: Annotated[str, typer.Option(help="Show only lines that contain this text.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the newest lines of a run's log; --follow continues until the run ends."""
    session = open_session(as_json)
    run = resolve.find_run(session.api, name, newest=True)
    query = {"limit": limit, "logType": log_type, "search": search}
    if follow:
        log_following.show_run(session, run, query)
        return
    for line in log_following.read_log_page(session.api, run["id"], None, query)["logs"]:
        log_following.show_line(session, line)


@app.command("files")
def list_files(
    name: ARun,
    into: Annotated[str, typer.Option(help="The directory to save the files in.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the output files of a run; --into saves them."""
    session = open_session(as_json)
    run = resolve.find_run(session.api, name, newest=True)
    if into:
        download.save_files(session, run, Path(into))
    elif as_json:
        session.out.print_json({"outputs": run["outputs"]})
    else:
        render.show_files(session.out, run["outputs"])


@app.command("new")
def create_task(
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
    text = read_text(prompt)
    fields: dict[str, Any] = {
        "type": kind,
        "name": name or (text.strip().splitlines() or [""])[0][:80],
        "prompt": text,
        "repoUrl": repo,
        "repoBranch": branch,
        "agentType": agent,
        "agentCommand": read_text(agent_command),
        "model": model,
        "secrets": secret,
    }
    body = {field: value for field, value in fields.items() if value}
    if schedule:
        config = {"cronExpression": schedule, "timezone": timezone}
        body["triggers"] = [{"type": "schedule", "config": config}]
    created = session.api.call_api("POST", "/api/tasks", body)
    _show_created(session, created, follow=follow and resolve.is_run(created["task"]))


def _show_created(session: CommandSession, created: Json, *, follow: bool) -> None:
    task = created["task"]
    if follow:
        session.out.print_note(f"{task['type']} {task['id']}")
        session.out.print_warnings(created["warnings"])
        log_following.show_run(session, task)
    elif session.out.as_json:
        session.out.print_json(created)
    else:
        session.out.print_text(task["id"])
        session.out.print_warnings(created["warnings"])


@app.command("run")
def run_task(
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
    owner = resolve.find_blueprint(session.api, name)
    values = read_params(read_text(params), param or [])
    if not params and not param:
        values = _scheduled_params(session, owner)
    body = {"params": values}
    path = f"/api/tasks/{owner['id']}/runs"
    started = session.api.call_api("POST", path, body, key=key or None)
    if follow:
        session.out.print_note(f"{started['type']} {started['runId']}")
        log_following.show_run(session, resolve.get_task(session.api, started["runId"]))
    elif as_json:
        session.out.print_json(started)
    else:
        session.out.print_text(started["runId"])


def _scheduled_params(session: CommandSession, owner: Json) -> Json:
    """Return the params of the blueprint's schedules, or fail if they differ."""
    schedules = resolve.list_triggers(session.api, owner["id"], "schedule")
    held: list[Json] = [
        schedule["paramMapping"] for schedule in schedules if schedule["paramMapping"]
    ]
    if any(params != held[0] for params in held):
        choices = " or ".join(f"--params '{json.dumps(each, ensure_ascii=False)}'" for each in held)
        raise Failure(f"its schedules have different params; pass {choices}", ExitCode.USAGE)
    if held:
        session.out.print_note(f"with the params of its schedule: {format_value(held[0])}")
    return held[0] if held else {}


@app.command("cancel")
def cancel_runs(names: Runs, as_json: AsJson = False) -> None:
    """Cancel runs; commits that they have pushed stay."""
    _change_each(open_session(as_json), names, "cancel")


@app.command("retry")
def retry_runs(names: Runs, follow: Follow = False, as_json: AsJson = False) -> None:
    """Retry failed or cancelled runs."""
    session = open_session(as_json)
    if follow and len(names) > 1:
        raise Failure("--follow accepts only one run", ExitCode.USAGE)
    done = _change_each(session, names, "retry", quiet=follow)
    if follow:
        log_following.show_run(session, done[0])


def _change_each(
    session: CommandSession, names: list[str], verb: str, *, quiet: bool = False
) -> list[Json]:
    """Call one action for each run, and report rejected ones after the others."""
    done: list[Json] = []
    refused: list[Failure] = []
    for name in names:
        try:
            run = resolve.find_run(session.api, name)
            done.append(session.api.call_api("POST", f"/api/tasks/{run['id']}/{verb}")["task"])
            session.out.print_text(f"{run['id']} {render.task_state(done[-1])}")
        except Failure as failure:
            refused.append(failure)
    if session.out.as_json and not quiet:
        session.out.print_json({"tasks": done})
    if len(names) == 1 and refused:
        raise refused[0]
    if refused:
        faults = [{"field": "run", "message": failure.message} for failure in refused]
        raise Failure(f"{len(refused)} of {len(names)} rejected", refused[0].code, faults)
    return done
