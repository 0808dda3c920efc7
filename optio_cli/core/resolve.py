"""Finds blueprints, runs and schedules by name, id or beginning of an id."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from optio_cli.core.api import ApiClient, Json
from optio_cli.core.errors import ExitCode, Failure

MAX_PARALLEL_REQUESTS = 4
BLUEPRINT_TYPES = ("repo-blueprint", "standalone")
RUN_TYPES = ("repo-task", "workflow-run")
MIN_PREFIX_LENGTH = 4


def parse_full_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def iter_blueprints(api: ApiClient) -> Iterable[Json]:
    """Yield the summary of every blueprint of the stage."""
    for kind in BLUEPRINT_TYPES:
        yield from api.iter_pages("/api/tasks", "tasks", query={"type": kind})


def find_blueprint(api: ApiClient, text: str) -> Json:
    """Return the blueprint with this name, id or beginning of an id."""
    if full_id := parse_full_id(text):
        return get_task(api, full_id)
    return get_task(api, _only_match(text, iter_blueprints(api))["id"])


def find_task(api: ApiClient, text: str) -> Json:
    """Return the blueprint or run with this name or id; only the newest runs are searched."""
    if full_id := parse_full_id(text):
        return get_task(api, full_id)
    candidates = [*iter_blueprints(api)]
    for kind in RUN_TYPES:
        candidates += api.iter_pages("/api/tasks", "tasks", 100, {"type": kind})
    return get_task(api, _only_match(text, candidates)["id"])


def find_run(api: ApiClient, text: str, *, newest: bool = False) -> Json:
    """Return the run with this id, or with `newest` the newest run of a blueprint."""
    task = (
        get_task(api, full_id) if (full_id := parse_full_id(text)) else _find_run_by_text(api, text)
    )
    if is_run(task):
        return task
    runs = api.call_api("GET", f"/api/tasks/{task['id']}/runs", query={"limit": 1})["runs"]
    if newest and runs:
        return get_task(api, runs[0]["id"])
    which = f"name one of its runs, such as {runs[0]['id'][:8]}" if runs else "it has no runs yet"
    raise Failure(f"{text!r} is a blueprint: {which}", ExitCode.REFUSED)


def _find_run_by_text(api: ApiClient, text: str) -> Json:
    """Return the run whose id begins with the text, otherwise the blueprint with this name."""
    candidates: list[Json] = []
    for kind in RUN_TYPES:
        candidates += api.iter_pages("/api/tasks", "tasks", 100, {"type": kind})
    try:
        return get_task(api, _only_match(text, candidates, names=False)["id"])
    except Failure as failure:
        if failure.code is not ExitCode.NOT_FOUND:
            raise
    return find_blueprint(api, text)


def get_task(api: ApiClient, task_id: str) -> Json:
    task: Json = api.call_api("GET", f"/api/tasks/{task_id}")["task"]
    return task


def _only_match(text: str, candidates: Iterable[Json], *, names: bool = True) -> Json:
    name = text.strip()
    tasks = list(candidates)
    matches = [task for task in tasks if names and task.get("name") == name]
    if not matches and len(name) >= MIN_PREFIX_LENGTH:
        matches = [task for task in tasks if task["id"].startswith(name.lower())]
    if not matches:
        least = f"the beginning of an id needs at least {MIN_PREFIX_LENGTH} characters"
        why = "no id begins with it" if len(name) >= MIN_PREFIX_LENGTH else least
        raise Failure(f"no task is named {text!r}, and {why}", ExitCode.NOT_FOUND)
    if len(matches) > 1:
        ids = ", ".join(str(task["id"]) for task in matches[:5])
        raise Failure(f"{text!r} matches {len(matches)} tasks, use an id: {ids}", ExitCode.REFUSED)
    return matches[0]


def is_run(task: Json) -> bool:
    return task["type"] in RUN_TYPES


def find_schedules(api: ApiClient, text: str) -> list[tuple[Json, Json]]:
    """Return the blueprint and the trigger of each schedule that the text names."""
    pairs = [
        (owner, trigger)
        for owner in ([get_task(api, text)] if _is_task(api, text) else iter_blueprints(api))
        for trigger in list_triggers(api, owner["id"], "schedule")
    ]
    matches = [pair for pair in pairs if text in (pair[0].get("name"), pair[0]["id"])]
    if not matches and len(text) >= MIN_PREFIX_LENGTH:
        low = text.lower()
        matches = [
            pair for pair in pairs if any(resource["id"].startswith(low) for resource in pair)
        ]
    if not matches:
        raise Failure(
            f"no schedule matches {text!r}: pass its id, or the name or id of its task",
            ExitCode.NOT_FOUND,
        )
    owners = {owner["id"] for owner, _ in matches}
    if len(owners) > 1:
        raise Failure(
            f"{text!r} matches {len(owners)} tasks, use an id: {', '.join(sorted(owners))}",
            ExitCode.REFUSED,
        )
    return matches


def _is_task(api: ApiClient, text: str) -> bool:
    if not parse_full_id(text):
        return False
    try:
        return not is_run(get_task(api, text))
    except Failure as failure:
        if failure.code is ExitCode.NOT_FOUND:
            return False
        raise


def list_triggers(api: ApiClient, task_id: str, kind: str = "") -> list[Json]:
    """Return the triggers of a blueprint, of one kind or of all."""
    triggers: list[Any] = api.call_api("GET", f"/api/tasks/{task_id}/triggers")["triggers"]
    return [trigger for trigger in triggers if not kind or trigger["type"] == kind]


def with_triggers(
    api: ApiClient, owners: Sequence[Json], kind: str = ""
) -> Iterator[tuple[Json, list[Json]]]:
    """Yield each blueprint with its triggers, requested in parallel."""
    for owner, listing in with_trigger_lists(api, owners):
        triggers = [
            trigger for trigger in listing["triggers"] if not kind or trigger["type"] == kind
        ]
        yield owner, triggers


def with_trigger_lists(api: ApiClient, owners: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each blueprint with its triggers and their warnings."""
    with ThreadPoolExecutor(MAX_PARALLEL_REQUESTS) as pool:
        listings = pool.map(
            lambda owner: api.call_api("GET", f"/api/tasks/{owner['id']}/triggers"), owners
        )
        yield from zip(owners, listings, strict=True)
