"""The mark that identifies text written for a run, wherever it comes back from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chalicelib.domain.ids import RunId

MARKER = "optio:task/"
# Only at the beginning of a line: a user who quotes such a text writes a new one.
_MARKER = re.compile(rf"^(?:<!-- )?{MARKER}([0-9a-f-]{{36}})", re.MULTILINE)


def visible_marker(run_id: RunId) -> str:
    """Return the mark of a run as a visible line."""
    return f"{MARKER}{run_id}"


def hidden_marker(run_id: RunId) -> str:
    """Return the mark of a run as a Markdown comment."""
    return f"<!-- {visible_marker(run_id)} -->"


def marked_run_ids(text: str) -> list[RunId]:
    """Return the distinct ids of the runs whose marks a text carries."""
    return list(dict.fromkeys(_MARKER.findall(text)))


def find_marked(comments: Iterable[tuple[str, str]], run_id: RunId) -> str | None:
    """Return the id of the first comment, given as (id, text), that carries the mark of a run."""
    return next((id for id, text in comments if run_id in marked_run_ids(text)), None)
