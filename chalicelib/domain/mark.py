"""The mark that identifies text written for a run, wherever it comes back from."""

from __future__ import annotations

import re

MARK = "optio:task/"
# Only at the beginning of a line: a user who quotes such a text writes a new one.
_MARK = re.compile(rf"^(?:<!-- )?{MARK}([0-9a-f-]{{36}})", re.MULTILINE)


def plain(run_id: str) -> str:
    """Return the mark of a run as a visible line."""
    return f"{MARK}{run_id}"


def hidden(run_id: str) -> str:
    """Return the mark of a run as a Markdown comment."""
    return f"<!-- {plain(run_id)} -->"


def marks(text: str) -> list[str]:
    """Return the distinct ids of the runs whose marks a text carries."""
    return list(dict.fromkeys(_MARK.findall(text)))
