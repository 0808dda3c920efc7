"""The mark by which our own texts are known again, wherever they come back from."""

from __future__ import annotations

import re

MARK = "optio:task/"
# At the beginning of a line alone: whoever quotes a text of ours writes one of their own.
_MARK = re.compile(rf"^(?:<!-- )?{MARK}([0-9a-f-]{{36}})", re.MULTILINE)


def plain(run_id: str) -> str:
    """Return the mark of a run as a line that everybody sees."""
    return f"{MARK}{run_id}"


def hidden(run_id: str) -> str:
    """Return the mark of a run where Markdown hides it."""
    return f"<!-- {plain(run_id)} -->"


def marks(text: str) -> list[str]:
    """Return the ids of the runs that a text is of, each once."""
    return list(dict.fromkeys(_MARK.findall(text)))
