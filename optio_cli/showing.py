"""Renders a blueprint or a run in a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from chalicelib.domain.number_text import format_dollars
from chalicelib.domain.one_line import one_line
from optio_cli.api import Json
from optio_cli.output import CONTROL, Out, ago, cell, short

LONGEST_OUTCOME = 200
"""Maximum characters of an error in a list; the run itself shows the whole error."""
LEFT_OUT = ("prompt", "metadata", "attempts", "outputs", "keptWork")


def state(task: Json) -> str:
    """Return the state of a run, or whether a blueprint is enabled or paused."""
    if "state" in task:
        return str(task["state"])
    return "enabled" if task["enabled"] else "paused"


def show(out: Out, shown: Json) -> None:
    """Show a blueprint or run with its prompt, files and related rows."""
    _fields(out, shown["task"])
    if shown["task"].get("prompt"):
        out.say(Text("\nPrompt", style="bold"))
        out.say(Text(str(shown["task"]["prompt"]).translate(CONTROL)))
    if shown["task"].get("keptWork"):
        _kept_work(out, shown["task"])
    if shown["task"].get("outputs"):
        out.say(Text("\nFiles", style="bold"))
        files(out, shown["task"]["outputs"])
    if "events" in shown:
        out.say(Text("\nHistory", style="bold"))
        rows = [
            (str(event["createdAt"])[:19].replace("T", " "), event["toState"], event["message"])
            for event in shown["events"]
        ]
        out.table(("AT (UTC)", "STATE", "WHY"), rows, "no history yet")
    else:
        _triggers(out, shown["triggers"])
        _runs(out, shown["runs"])
        out.warn(shown["warnings"])


def _kept_work(out: Out, task: Json) -> None:
    """Show that an attempt left work outside any branch, and which commands use it."""
    kept = task["keptWork"]
    out.say(Text(f"\nAttempt {kept['attempt']} left work that is not on any branch:", style="bold"))
    if kept["finished"]:
        out.say(f"optio task retry {task['id']} pushes it without another agent")
    elif kept["resumable"]:
        out.say(f"optio task resume {task['id']} --prompt '…' continues from that work")
    out.say(f"optio task files {task['id']} --into DIR saves it")


def files(out: Out, outputs: list[Json]) -> None:
    """Show the output files of a run."""
    rows = [(output["name"], output["size"], output["contentType"]) for output in outputs]
    out.table(("NAME", "BYTES", "TYPE"), rows, "none: the agent saved no files in OPTIO_OUTPUT")


def _fields(out: Out, task: Json) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in task.items():
        if name not in LEFT_OUT and value not in (None, "", [], {}, False):
            table.add_row(name, cell(format_dollars(value) if name.endswith("Usd") else value))
    if "enabled" in task and not task["enabled"]:
        table.add_row("enabled", cell("paused"))
    for name, value in task.get("metadata", {}).items():
        if value not in (None, {}):
            table.add_row(name, cell(value))
    out.console.print(table)


def _triggers(out: Out, triggers: list[Json]) -> None:
    out.say(Text("\nTriggers", style="bold"))
    rows = [
        (
            short(trigger["id"]),
            trigger["type"],
            told(trigger),
            trigger_state(trigger),
            ago(trigger["nextFireAt"]),
            ago(trigger["lastFiredAt"]),
        )
        for trigger in triggers
    ]
    heads = ("ID", "TYPE", "WHEN", "STATE", "NEXT", "LAST")
    out.table(heads, rows, "none: run it with `optio task run`")


def trigger_state(trigger: Json) -> str:
    """Return whether a trigger is enabled, with the reason if the stage disabled it."""
    if trigger["disabledReason"]:
        return f"disabled: {trigger['disabledReason']}"
    return "enabled" if trigger["enabled"] else "paused"


def told(trigger: Json) -> str:
    """Return the condition of a trigger on one line."""
    config = trigger["config"]
    if trigger["type"] == "schedule":
        return f"{config['cronExpression']} {config['timezone']}"
    if trigger["type"] == "webhook":
        return f"POST /api/hooks/{config['path']} ({config['signature']})"
    if trigger["type"] == "ticket":
        return f"{config.get('source')} {', '.join(config.get('labels') or ['any label'])}"
    return "manual"


def _runs(out: Out, runs: list[Json]) -> None:
    out.say(Text("\nNewest runs", style="bold"))
    rows = [(short(run["id"]), run["state"], ago(run["createdAt"]), _outcome(run)) for run in runs]
    out.table(("ID", "STATE", "CREATED", "OUTCOME"), rows, "none yet")


def _outcome(run: Json) -> str:
    """Return the pull request or the error of a run, on one line."""
    text = one_line(run["prUrl"] or run["errorMessage"] or "")
    return text if len(text) <= LONGEST_OUTCOME else f"{text[:LONGEST_OUTCOME]}…"
