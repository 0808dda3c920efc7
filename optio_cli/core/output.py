"""Output of commands: tables for people, JSON for programs, errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.domain.texts.number_text import format_number
from optio_cli.core.errors import Failure

STATE_COLOURS = {
    "completed": "green",
    "PR open": "green",
    "ok": "green",
    "enabled": "green",
    "fired": "green",
    "running": "cyan",
    "provisioning": "cyan",
    "queued": "yellow",
    "paused": "yellow",
    "skipped": "yellow",
    "warn": "yellow",
    "needs attention": "magenta",
    "failed": "red",
    "bad": "red",
    "cancelled": "bright_black",
}
BIDI_CONTROLS = (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Bidirectional controls: they can make one name read as another, and no alphabet needs them."""
TIME_UNITS = (
    *((90, 1, "s"), (5400, 60, "m"), (129600, 3600, "h"), (730 * 86400, 86400, "d")),
    (float("inf"), 365.25 * 86400, "y"),
)
"""For each unit of a duration: its upper limit in seconds, its seconds and its letter."""
CONTROL_CHARACTERS = dict.fromkeys(
    (*range(9), *range(11, 32), 127, *range(128, 160), *BIDI_CONTROLS)
)


class CommandOutput:
    """The output of a command, as text or as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=False)
        self.notes = Console(stderr=True, highlight=False)

    def print_json(self, document: object) -> None:
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")

    def print_json_line(self, document: object) -> None:
        """Write one JSON document on one line and flush it, because programs follow the stream."""
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def print_text(self, text: str | Text) -> None:
        """Print text for a person; with `--json` print nothing."""
        if not self.as_json:
            self.console.print(clean_text(text), soft_wrap=True)

    def print_note(self, text: str) -> None:
        """Print progress on standard error, apart from the result."""
        if not self.as_json:
            self.notes.print(clean_text(text))

    def print_warnings(self, warnings: Iterable[Mapping[str, str]]) -> None:
        """Print warnings about accepted values that are probably mistakes, each with its field."""
        for warning in warnings:
            field = f"{warning['field']}: " if warning["field"] else ""
            self.print_note(f"warning: {field}{warning['message']}")

    def print_table(
        self, heads: Sequence[str], rows: Iterable[Sequence[object]], empty: str
    ) -> None:
        """Print rows as a table; the first column is never truncated."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for number, head in enumerate(heads):
            table.add_column(head, no_wrap=not number, overflow="fold")
        for row in rows:
            table.add_row(*(format_cell(value) for value in row))
        if table.row_count:
            self.console.print(table)
        else:
            self.print_note(empty)


def clean_text(text: str | Text) -> Text:
    """Return text without control characters and markup; removing any also removes its colour."""
    plain = str(text).translate(CONTROL_CHARACTERS)
    return text if isinstance(text, Text) and text.plain == plain else Text(plain)


def format_cell(value: object) -> Text:
    """Return a table cell: states are coloured, and control characters are removed."""
    text = format_value(value).translate(CONTROL_CHARACTERS)
    return Text(text, style=STATE_COLOURS.get(text, ""))


def format_value(value: object) -> str:
    """Return a value of a response as readable text."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_format_nested(inner)}" for name, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_format_nested, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_number(value) if isinstance(value, float) else str(value)


def _format_nested(value: object) -> str:
    """Return a nested value, with brackets around maps and lists so that they stay distinct."""
    if value is None or value == "":
        return "none" if value is None else '""'
    if isinstance(value, Mapping):
        return f"{{{format_value(value)}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{format_value(value)}]"
    return format_value(value)


def short_id(identity: str | None) -> str:
    """Return the first eight characters of an id, which commands accept."""
    return (identity or "")[:8]


def relative_time(moment: str | None) -> str:
    """Return the distance of a time from now, such as `5 m ago` or `in 2 h`."""
    if not moment:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    size = abs(seconds)
    unit, name = next((unit, name) for limit, unit, name in TIME_UNITS if size < limit)
    distance = f"{size / unit:,.0f} {name}"
    return f"in {distance}" if seconds < 0 else f"{distance} ago"


def show_failure(failure: Failure, *, as_json: bool) -> None:
    """Print a failure with the fields at fault."""
    if as_json:
        report: dict[str, Any] = {"error": failure.message, "details": failure.details}
        sys.stderr.write(json.dumps({**report, "exitCode": int(failure.code)}) + "\n")
        return
    console = Console(stderr=True, highlight=False)
    sentence, details = _sentence_and_faults(failure)
    head = Text.assemble(("error: ", "bold red"), sentence.translate(CONTROL_CHARACTERS))
    console.print(head, soft_wrap=True)
    for detail in details:
        field = detail.get("field") or "the request"
        message = str(detail.get("message", "")).translate(CONTROL_CHARACTERS)
        console.print(Text.assemble("  ", (field, "bold"), f": {message}"), soft_wrap=True)


def _sentence_and_faults(failure: Failure) -> tuple[str, Sequence[Mapping[str, str]]]:
    """Return the sentence and the remaining details; a single fault becomes one line."""
    if len(failure.details) == 1 and failure.message.endswith(failure.details[0]["message"]):
        field, message = failure.details[0].get("field"), failure.details[0]["message"]
        return (f"{field}: {message}" if field else failure.message), ()
    return failure.message, failure.details
