"""Renders a blueprint or a run in a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from chalicelib.domain.display_text import to_one_line
from chalicelib.domain.texts.number_text import format_dollars
from chalicelib.domain.texts.state_word import state_word
from optio_cli.core.api import Json
from optio_cli.core.output import (
    CONTROL_CHARACTERS,
    CommandOutput,
    format_cell,
    relative_time,
    short_id,
)

MAX_OUTCOME_LENGTH = 200
"""Maximum characters of an error in a list; the run itself shows the whole error."""
HIDDEN_FIELDS = ("prompt", "metadata", "attempts", "outputs", "keptWork")


def task_state(task: Json) -> str:
    """Return the state of a run, or whether a blueprint is enabled or paused."""
    if "state" in task:
        return state_word(task["state"])
    return "enabled" if task["enabled"] else "paused"


def show_task(out: CommandOutput, shown: Json) -> None:
    """Show a blueprint or run with its prompt, files and related rows."""
    _show_fields(out, shown["task"])
    if shown["task"].get("prompt"):
        out.print_text(Text("\nPrompt", style="bold"))
        out.print_text(Text(str(shown["task"]["prompt"]).translate(CONTROL_CHARACTERS)))
    if shown["task"].get("keptWork"):
        _show_kept_work(out, shown["task"])
    if shown["task"].get("outputs"):
        out.print_text(Text("\nFiles", style="bold"))
        show_files(out, shown["task"]["outputs"])
    if "events" in shown:
        out.print_text(Text("\nHistory", style="bold"))
        rows = [
            (
                str(event["createdAt"])[:19].replace("T", " "),
                state_word(event["toState"]),
                event["message"],
            )
            for event in shown["events"]
        ]
        out.print_table(("AT (UTC)", "STATE", "WHY"), rows, "no history yet")
    else:
        _show_triggers(out, shown["triggers"])
        _show_runs(out, shown["runs"])
        out.print_warnings(shown["warnings"])


def _show_kept_work(out: CommandOutput, task: Json) -> None:
    """Show that an attempt left work outside any branch, and which commands use it."""
    kept_work = task["keptWork"]
    out.print_text(
        Text(f"\nAttempt {kept_work['attempt']} left work that is not on any branch:", style="bold")
    )
    if kept_work["finished"]:
        out.print_text(f"optio task retry {task['id']} pushes it without another agent")
    elif kept_work["resumable"]:
        out.print_text(f"optio task resume {task['id']} --prompt '…' continues from that work")
    out.print_text(f"optio task files {task['id']} --into DIR saves it")


def show_files(out: CommandOutput, outputs: list[Json]) -> None:
    """Show the output files of a run."""
    rows = [(output["name"], output["size"], output["contentType"]) for output in outputs]
    out.print_table(
        ("NAME", "BYTES", "TYPE"), rows, "none: the agent saved no files in OPTIO_OUTPUT"
    )


def _show_fields(out: CommandOutput, task: Json) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in task.items():
        if name not in HIDDEN_FIELDS and value not in (None, "", [], {}, False):
            table.add_row(name, format_cell(_field_text(name, value)))
    if "enabled" in task and not task["enabled"]:
        table.add_row("enabled", format_cell("paused"))
    for name, value in task.get("metadata", {}).items():
        if value not in (None, {}):
            table.add_row(name, format_cell(value))
    out.console.print(table)


def _field_text(name: str, value: object) -> object:
    """Return the value of a field as people read it."""
    if name == "state":
        return state_word(str(value))
    return (
        format_dollars(value) if name.endswith("Usd") and isinstance(value, int | float) else value
    )


def _show_triggers(out: CommandOutput, triggers: list[Json]) -> None:
    out.print_text(Text("\nTriggers", style="bold"))
    rows = [
        (
            short_id(trigger["id"]),
            trigger["type"],
            describe_trigger(trigger),
            trigger_state(trigger),
            relative_time(trigger["nextFireAt"]),
            relative_time(trigger["lastFiredAt"]),
        )
        for trigger in triggers
    ]
    heads = ("ID", "TYPE", "WHEN", "STATE", "NEXT", "LAST")
    out.print_table(heads, rows, "none: run it with `optio task run`")


def trigger_state(trigger: Json) -> str:
    """Return whether a trigger is enabled, with the reason if the stage disabled it."""
    if trigger["disabledReason"]:
        return f"disabled: {trigger['disabledReason']}"
    return "enabled" if trigger["enabled"] else "paused"


def describe_trigger(trigger: Json) -> str:
    """Return the condition of a trigger on one line."""
    config = trigger["config"]
    if trigger["type"] == "schedule":
        return f"{config['cronExpression']} {config['timezone']}"
    if trigger["type"] == "webhook":
        return f"POST /api/hooks/{config['path']} ({config['signature']})"
    if trigger["type"] == "ticket":
        return f"{config.get('source')} {', '.join(config.get('labels') or ['any label'])}"
    return "manual"


def _show_runs(out: CommandOutput, runs: list[Json]) -> None:
    out.print_text(Text("\nNewest runs", style="bold"))
    rows = [
        (short_id(run["id"]), task_state(run), relative_time(run["createdAt"]), _run_outcome(run))
        for run in runs
    ]
    out.print_table(("ID", "STATE", "CREATED", "OUTCOME"), rows, "none yet")


def _run_outcome(run: Json) -> str:
    """Return the pull request or the error of a run, on one line."""
    text = to_one_line(run["prUrl"] or run["errorMessage"] or "")
    return text if len(text) <= MAX_OUTCOME_LENGTH else f"{text[:MAX_OUTCOME_LENGTH]}…"
