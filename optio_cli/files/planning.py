"""Plans the API calls that make a stage match a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from optio_cli.core.api import Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.render import describe_trigger
from optio_cli.files.diff import FieldDifference, find_differences, normal_repo_url
from optio_cli.files.documents import StageDocument
from optio_cli.files.match_triggers import match_triggers

DiffLine = tuple[str, str]
SERVICE_FIELDS = ("hasSecret", "verificationToken")


@dataclass(frozen=True, kw_only=True)
class PlannedCall:
    """One request, and the location in the file that it applies."""

    method: str
    path: str
    where: str
    body: Json | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedChange:
    """One entry to create or change: its lines on the screen, and its calls."""

    verb: str
    what: str
    lines: tuple[DiffLine, ...] = ()
    calls: tuple[PlannedCall, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RemoteState:
    """The stage's repos by URL, templates by name, and blueprints by location in the document."""

    repos: Mapping[str, Json] = field(default_factory=dict)
    templates: Mapping[str, Json] = field(default_factory=dict)
    blueprints: Mapping[str, Json] = field(default_factory=dict)


def plan_changes(
    document: StageDocument, stage: RemoteState, secrets: Mapping[str, str], *, rotate: bool
) -> list[PlannedChange]:
    """Return the changes in the order to apply them; the list is empty if nothing differs.

    `secrets` holds the values of the references, by their location in the file.
    """
    changes = []
    for where, repo in document.repos:
        existing = stage.repos.get(normal_repo_url(repo["repoUrl"]))
        changes.append(_plan_simple(where, "repo", repo["repoUrl"], "/api/repos", repo, existing))
    for where, template in document.templates:
        existing = stage.templates.get(template["name"])
        changes.append(
            _plan_simple(
                where, "template", template["name"], "/api/prompt-templates", template, existing
            )
        )
    for where, blueprint in document.blueprints:
        existing = stage.blueprints.get(where)
        if existing is None:
            changes.append(_plan_creation(where, blueprint, secrets))
        else:
            changes.append(_plan_change(where, blueprint, existing, secrets, rotate=rotate))
    return [change for change in changes if change.calls]


def _plan_simple(
    where: str, kind: str, name: str, path: str, entry: Json, existing: Json | None
) -> PlannedChange:
    what = f"{kind} {name}"
    if existing is None:
        call = PlannedCall(method="POST", path=path, body=entry, where=where)
        return PlannedChange(verb="create", what=what, lines=_new_lines(entry), calls=(call,))
    changed = find_differences(entry, existing)
    changed = [difference for difference in changed if difference.field != "repoUrl"]
    body = {difference.field: difference.now for difference in changed}
    call = PlannedCall(method="PATCH", path=f"{path}/{existing['id']}", body=body, where=where)
    return PlannedChange(
        verb="change", what=what, lines=_difference_lines(changed), calls=(call,) if changed else ()
    )


def _new_lines(entry: Json) -> tuple[DiffLine, ...]:
    plain = {name: value for name, value in entry.items() if name not in ("name", "triggers")}
    lines: list[DiffLine] = []
    for name, value in plain.items():
        text = value if isinstance(value, str) else str(value)
        first, *rest = text.splitlines() or [""]
        lines.append(("+", f"{name}: {first}{' …' if rest else ''}"))
    return tuple(lines)


def _difference_lines(changed: list[FieldDifference]) -> tuple[DiffLine, ...]:
    return tuple(line for difference in changed for line in difference.iter_lines())


def kind_of(blueprint: Json) -> str:
    """Return a blueprint's type; without `type` a repo makes it a repo-blueprint."""
    return str(
        blueprint.get("type") or ("repo-blueprint" if blueprint.get("repoUrl") else "standalone")
    )


def _plan_creation(where: str, blueprint: Json, secrets: Mapping[str, str]) -> PlannedChange:
    triggers = blueprint.get("triggers", [])
    body = {**blueprint, "type": kind_of(blueprint)}
    body["triggers"] = [
        _with_secret(trigger, f"{where}.triggers[{number}]", secrets)
        for number, trigger in enumerate(triggers)
    ]
    lines = _new_lines(blueprint) + tuple(
        ("+", f"trigger {_describe_trigger(trigger)}") for trigger in triggers
    )
    call = PlannedCall(method="POST", path="/api/tasks", body=body, where=where)
    return PlannedChange(
        verb="create", what=f"{kind_of(blueprint)} {blueprint['name']}", lines=lines, calls=(call,)
    )


def _with_secret(trigger: Json, where: str, secrets: Mapping[str, str]) -> Json:
    config = dict(trigger.get("config", {}))
    if "secret" in config:
        config["secret"] = secrets[where]
    return {**trigger, "config": config} if config else {**trigger}


def _plan_change(
    where: str, blueprint: Json, existing: Json, secrets: Mapping[str, str], *, rotate: bool
) -> PlannedChange:
    if kind_of(blueprint) != existing["type"]:
        message = f"is {existing['type']} on the stage, and the type of a blueprint cannot change"
        raise Failure(
            f"{where}.type {message}", ExitCode.REFUSED, [{"field": where, "message": message}]
        )
    plain = {k: v for k, v in blueprint.items() if k not in ("type", "triggers", "id")}
    changed = find_differences(plain, existing)
    path = f"/api/tasks/{existing['id']}"
    calls = []
    if changed:
        body = {difference.field: difference.now for difference in changed}
        calls.append(PlannedCall(method="PATCH", path=path, body=body, where=where))
    lines = list(_difference_lines(changed))
    if "triggers" in blueprint:
        for line, call in _trigger_calls(where, path, blueprint, existing, secrets, rotate=rotate):
            lines += line
            calls.append(call)
    return PlannedChange(
        verb="change",
        what=f"{existing['type']} {blueprint['name']}",
        lines=tuple(lines),
        calls=tuple(calls),
    )


def _trigger_calls(
    where: str,
    path: str,
    blueprint: Json,
    existing: Json,
    secrets: Mapping[str, str],
    *,
    rotate: bool,
) -> list[tuple[list[DiffLine], PlannedCall]]:
    """Return the calls that change triggers; removals come first, to free paths of webhooks."""
    gone, pairs, new = match_triggers(blueprint["triggers"], existing["triggers"])
    steps: list[tuple[list[DiffLine], PlannedCall]] = [
        (
            [("-", f"trigger {_describe_trigger(old)}")],
            PlannedCall(method="DELETE", path=f"{path}/triggers/{old['id']}", where=where),
        )
        for old in gone
    ]
    for number, trigger, old in pairs:
        at = f"{where}.triggers[{number}]"
        body, lines = _trigger_patch(trigger, old, secrets.get(at), rotate=rotate)
        if body:
            target = f"{path}/triggers/{old['id']}"
            steps.append((lines, PlannedCall(method="PATCH", path=target, body=body, where=at)))
    for number, trigger in new:
        at = f"{where}.triggers[{number}]"
        body = _with_secret(trigger, at, secrets)
        call = PlannedCall(method="POST", path=f"{path}/triggers", body=body, where=at)
        steps.append(([("+", f"trigger {_describe_trigger(trigger)}")], call))
    return steps


def _trigger_patch(
    trigger: Json, old: Json, secret: str | None, *, rotate: bool
) -> tuple[Json, list[DiffLine]]:
    config = {name: value for name, value in trigger.get("config", {}).items() if name != "secret"}
    changed = find_differences(config, old["config"])
    plain = {name: value for name, value in trigger.items() if name not in ("type", "config")}
    others = find_differences(plain, old)
    body: Json = {difference.field: difference.now for difference in others}
    lines = [("~", f"trigger {_describe_trigger(old)}")]
    lines += [(sign, f"  {text}") for sign, text in _difference_lines([*changed, *others])]
    fresh = secret is not None and (rotate or not old["config"].get("hasSecret"))
    if changed or fresh:
        body["config"] = {**_own_fields(old["config"]), **config}
    if fresh:
        body["config"]["secret"] = secret
        lines.append(("~", "  secret: replaced"))
    return body, lines


def _own_fields(config: Json) -> Json:
    """Return the user's own fields of a config, because a config is replaced as a whole."""
    return {
        name: value
        for name, value in config.items()
        if value is not None and name not in SERVICE_FIELDS
    }


def _describe_trigger(trigger: Json) -> str:
    config = {"cronExpression": "?", "timezone": "UTC", "path": "?", "signature": "optio"}
    return describe_trigger({**trigger, "config": config | trigger.get("config", {})})
