"""Differences between the entries of a file and those of a stage."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.repos.repo import normal_url
from optio_cli.core.api import Json

MOMENT_FIELDS = ("startAt", "endAt")


@dataclass(frozen=True, kw_only=True)
class FieldDifference:
    """One field whose value changes: the old and the new value."""

    field: str
    was: Any
    now: Any

    def iter_lines(self) -> Iterator[tuple[str, str]]:
        """Yield the sign and the text of each line that shows the difference."""
        was, now = _show_value(self.was), _show_value(self.now)
        if "\n" not in was + now and len(was) + len(now) < 100:
            yield "~", f"{self.field}: {was} → {now}"
            return
        yield "~", f"{self.field}:"
        for line in list(difflib.unified_diff(was.splitlines(), now.splitlines(), n=2))[2:]:
            sign = line[0] if line[0] in "+-" else " "
            yield sign, f"  {line[1:] if line[0] in '+- ' else '…'}"


def _show_value(value: Any) -> str:
    if isinstance(value, str):
        return value if value else '""'
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def find_differences(target: Json, current: Json) -> list[FieldDifference]:
    """Return the differences of the fields in `target`; other fields are ignored."""
    return [
        FieldDifference(field=field, was=current.get(field), now=value)
        for field, value in target.items()
        if _normal_value(field, value) != _normal_value(field, current.get(field))
    ]


def _normal_value(field: str, value: Any) -> Any:
    """Return a value in the form that the service stores, so that equal values compare equal."""
    if not isinstance(value, str):
        return value
    if field == "repoUrl":
        return normal_repo_url(value)
    if field == "cronExpression":
        return " ".join(value.split())
    if field in MOMENT_FIELDS:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value.strip() if field == "name" else value


def normal_repo_url(text: str) -> str:
    """Return a repo's URL in normal form; an invalid URL stays, and the service rejects it."""
    try:
        return normal_url(text)
    except Invalid:
        return text
