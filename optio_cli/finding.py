"""Finds blueprints, runs and schedules by name, id or beginning of an id."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from optio_cli.api import Api, Json
from optio_cli.errors import Exit, Failure

AT_ONCE = 4
DEFINITIONS = ("repo-blueprint", "standalone")
RUNS = ("repo-task", "workflow-run")
SHORTEST_PREFIX = 4


def whole_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def definitions(api: Api) -> Iterable[Json]:
    """Yield the summary of every blueprint of the stage."""
    for kind in DEFINITIONS:
        yield from api.pages("/api/tasks", "tasks", query={"type": kind})


def definition(api: Api, text: str) -> Json:
    """Return the blueprint with this name, id or beginning of an id."""
    if known := whole_id(text):
        return task(api, known)
    return task(api, _only(text, definitions(api))["id"])


def anything(api: Api, text: str) -> Json:
    """Return the blueprint or run with this name or id; only the newest runs are searched."""
    if known := whole_id(text):
        return task(api, known)
    candidates = [*definitions(api)]
    for kind in RUNS:
        candidates += api.pages("/api/tasks", "tasks", 100, {"type": kind})
    return task(api, _only(text, candidates)["id"])


def run(api: Api, text: str, *, newest: bool = False) -> Json:
    """Return the run with this id, or with `newest` the newest run of a blueprint."""
    found = task(api, known) if (known := whole_id(text)) else _run(api, text)
    if is_run(found):
        return found
    runs = api.call("GET", f"/api/tasks/{found['id']}/runs", query={"limit": 1})["runs"]
    if newest and runs:
        return task(api, runs[0]["id"])
    which = f"name one of its runs, such as {runs[0]['id'][:8]}" if runs else "it has no runs yet"
    raise Failure(f"{text!r} is a blueprint: {which}", Exit.REFUSED)


def _run(api: Api, text: str) -> Json:
    """Return the run whose id begins with the text, otherwise the blueprint with this name."""
    candidates: list[Json] = []
    for kind in RUNS:
        candidates += api.pages("/api/tasks", "tasks", 100, {"type": kind})
    try:
        return task(api, _only(text, candidates, names=False)["id"])
    except Failure as failure:
        if failure.code is not Exit.NOT_FOUND:
            raise
    return definition(api, text)


def task(api: Api, task_id: str) -> Json:
    found: Json = api.call("GET", f"/api/tasks/{task_id}")["task"]
    return found


def _only(text: str, candidates: Iterable[Json], *, names: bool = True) -> Json:
    wanted = text.strip()
    known = list(candidates)
    found = [one for one in known if names and one.get("name") == wanted]
    if not found and len(wanted) >= SHORTEST_PREFIX:
        found = [one for one in known if one["id"].startswith(wanted.lower())]
    if not found:
        least = f"the beginning of an id needs at least {SHORTEST_PREFIX} characters"
        why = "no id begins with it" if len(wanted) >= SHORTEST_PREFIX else least
        raise Failure(f"no task is named {text!r}, and {why}", Exit.NOT_FOUND)
    if len(found) > 1:
        ids = ", ".join(str(one["id"]) for one in found[:5])
        raise Failure(f"{text!r} matches {len(found)} tasks, use an id: {ids}", Exit.REFUSED)
    return found[0]


def is_run(thing: Json) -> bool:
    return thing["type"] in RUNS


def schedules(api: Api, text: str) -> list[tuple[Json, Json]]:
    """Return the blueprint and the trigger of each schedule that the text names."""
    found = [
        (owner, trigger)
        for owner in ([task(api, text)] if _is_task(api, text) else definitions(api))
        for trigger in triggers(api, owner["id"], "schedule")
    ]
    named = [pair for pair in found if text in (pair[0].get("name"), pair[0]["id"])]
    if not named and len(text) >= SHORTEST_PREFIX:
        low = text.lower()
        named = [pair for pair in found if any(one["id"].startswith(low) for one in pair)]
    if not named:
        raise Failure(
            f"no schedule matches {text!r}: pass its id, or the name or id of its task",
            Exit.NOT_FOUND,
        )
    owners = {owner["id"] for owner, _ in named}
    if len(owners) > 1:
        raise Failure(
            f"{text!r} matches {len(owners)} tasks, use an id: {', '.join(sorted(owners))}",
            Exit.REFUSED,
        )
    return named


def _is_task(api: Api, text: str) -> bool:
    if not whole_id(text):
        return False
    try:
        return not is_run(task(api, text))
    except Failure as failure:
        if failure.code is Exit.NOT_FOUND:
            return False
        raise


def triggers(api: Api, task_id: str, kind: str = "") -> list[Json]:
    """Return the triggers of a blueprint, of one kind or of all."""
    found: list[Any] = api.call("GET", f"/api/tasks/{task_id}/triggers")["triggers"]
    return [trigger for trigger in found if not kind or trigger["type"] == kind]


def with_triggers(
    api: Api, owners: Sequence[Json], kind: str = ""
) -> Iterator[tuple[Json, list[Json]]]:
    """Yield each blueprint with its triggers, requested in parallel."""
    for owner, listed in with_trigger_lists(api, owners):
        found = [one for one in listed["triggers"] if not kind or one["type"] == kind]
        yield owner, found


def with_trigger_lists(api: Api, owners: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each blueprint with its triggers and their warnings."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = pool.map(
            lambda owner: api.call("GET", f"/api/tasks/{owner['id']}/triggers"), owners
        )
        yield from zip(owners, asked, strict=True)
