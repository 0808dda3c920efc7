"""Plans the API calls that make a stage match a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from optio_cli.api import Json
from optio_cli.comparing import Difference, differences, repo_url
from optio_cli.documents import Document
from optio_cli.errors import Exit, Failure
from optio_cli.pairing import paired
from optio_cli.showing import told

Line = tuple[str, str]
TOLD_BY_THE_SERVICE = ("hasSecret", "verificationToken")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, and the location in the file that it applies."""

    method: str
    path: str
    where: str
    body: Json | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry to create or change: its lines on the screen, and its calls."""

    verb: str
    what: str
    lines: tuple[Line, ...] = ()
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The stage's repos by URL, templates by name, and blueprints by location in the document."""

    repos: Mapping[str, Json] = field(default_factory=dict)
    templates: Mapping[str, Json] = field(default_factory=dict)
    blueprints: Mapping[str, Json] = field(default_factory=dict)


def plan(
    document: Document, stage: Stage, secrets: Mapping[str, str], *, rotate: bool
) -> list[Change]:
    """Return the changes in the order to apply them; the list is empty if nothing differs.

    `secrets` holds the values of the references, by their location in the file.
    """
    changes = []
    for where, repo in document.repos:
        found = stage.repos.get(repo_url(repo["repoUrl"]))
        changes.append(_simple(where, "repo", repo["repoUrl"], "/api/repos", repo, found))
    for where, one in document.templates:
        found = stage.templates.get(one["name"])
        changes.append(_simple(where, "template", one["name"], "/api/prompt-templates", one, found))
    for where, wanted in document.blueprints:
        found = stage.blueprints.get(where)
        if found is None:
            changes.append(_created(where, wanted, secrets))
        else:
            changes.append(_changed(where, wanted, found, secrets, rotate=rotate))
    return [change for change in changes if change.calls]


def _simple(
    where: str, kind: str, name: str, path: str, wanted: Json, found: Json | None
) -> Change:
    what = f"{kind} {name}"
    if found is None:
        call = Call(method="POST", path=path, body=wanted, where=where)
        return Change(verb="create", what=what, lines=_new_lines(wanted), calls=(call,))
    changed = differences(wanted, found)
    changed = [one for one in changed if one.field != "repoUrl"]
    body = {one.field: one.now for one in changed}
    call = Call(method="PATCH", path=f"{path}/{found['id']}", body=body, where=where)
    return Change(verb="change", what=what, lines=_lines(changed), calls=(call,) if changed else ())


def _new_lines(wanted: Json) -> tuple[Line, ...]:
    plain = {name: value for name, value in wanted.items() if name not in ("name", "triggers")}
    lines: list[Line] = []
    for name, value in plain.items():
        text = value if isinstance(value, str) else str(value)
        first, *rest = text.splitlines() or [""]
        lines.append(("+", f"{name}: {first}{' …' if rest else ''}"))
    return tuple(lines)


def _lines(changed: list[Difference]) -> tuple[Line, ...]:
    return tuple(line for one in changed for line in one.lines())


def kind_of(wanted: Json) -> str:
    """Return a blueprint's type; without `type` a repo makes it a repo-blueprint."""
    return str(wanted.get("type") or ("repo-blueprint" if wanted.get("repoUrl") else "standalone"))


def _created(where: str, wanted: Json, secrets: Mapping[str, str]) -> Change:
    triggers = wanted.get("triggers", [])
    body = {**wanted, "type": kind_of(wanted)}
    body["triggers"] = [
        _with_secret(one, f"{where}.triggers[{number}]", secrets)
        for number, one in enumerate(triggers)
    ]
    lines = _new_lines(wanted) + tuple(("+", f"trigger {_told(one)}") for one in triggers)
    call = Call(method="POST", path="/api/tasks", body=body, where=where)
    return Change(
        verb="create", what=f"{kind_of(wanted)} {wanted['name']}", lines=lines, calls=(call,)
    )


def _with_secret(trigger: Json, where: str, secrets: Mapping[str, str]) -> Json:
    config = dict(trigger.get("config", {}))
    if "secret" in config:
        config["secret"] = secrets[where]
    return {**trigger, "config": config} if config else {**trigger}


def _changed(
    where: str, wanted: Json, found: Json, secrets: Mapping[str, str], *, rotate: bool
) -> Change:
    if kind_of(wanted) != found["type"]:
        message = f"is {found['type']} on the stage, and the type of a blueprint cannot change"
        raise Failure(
            f"{where}.type {message}", Exit.REFUSED, [{"field": where, "message": message}]
        )
    plain = {k: v for k, v in wanted.items() if k not in ("type", "triggers", "id")}
    changed = differences(plain, found)
    path = f"/api/tasks/{found['id']}"
    calls = []
    if changed:
        body = {one.field: one.now for one in changed}
        calls.append(Call(method="PATCH", path=path, body=body, where=where))
    lines = list(_lines(changed))
    if "triggers" in wanted:
        for line, call in _trigger_calls(where, path, wanted, found, secrets, rotate=rotate):
            lines += line
            calls.append(call)
    return Change(
        verb="change",
        what=f"{found['type']} {wanted['name']}",
        lines=tuple(lines),
        calls=tuple(calls),
    )


def _trigger_calls(
    where: str, path: str, wanted: Json, found: Json, secrets: Mapping[str, str], *, rotate: bool
) -> list[tuple[list[Line], Call]]:
    """Return the calls that change triggers; removals come first, to free paths of webhooks."""
    gone, kept, new = paired(wanted["triggers"], found["triggers"])
    steps: list[tuple[list[Line], Call]] = [
        (
            [("-", f"trigger {_told(old)}")],
            Call(method="DELETE", path=f"{path}/triggers/{old['id']}", where=where),
        )
        for old in gone
    ]
    for number, one, old in kept:
        at = f"{where}.triggers[{number}]"
        body, lines = _patch(one, old, secrets.get(at), rotate=rotate)
        if body:
            target = f"{path}/triggers/{old['id']}"
            steps.append((lines, Call(method="PATCH", path=target, body=body, where=at)))
    for number, one in new:
        at = f"{where}.triggers[{number}]"
        body = _with_secret(one, at, secrets)
        call = Call(method="POST", path=f"{path}/triggers", body=body, where=at)
        steps.append(([("+", f"trigger {_told(one)}")], call))
    return steps


def _patch(one: Json, old: Json, secret: str | None, *, rotate: bool) -> tuple[Json, list[Line]]:
    config = {name: value for name, value in one.get("config", {}).items() if name != "secret"}
    changed = differences(config, old["config"])
    plain = {name: value for name, value in one.items() if name not in ("type", "config")}
    others = differences(plain, old)
    body: Json = {difference.field: difference.now for difference in others}
    lines = [("~", f"trigger {_told(old)}")]
    lines += [(sign, f"  {text}") for sign, text in _lines([*changed, *others])]
    fresh = secret is not None and (rotate or not old["config"].get("hasSecret"))
    if changed or fresh:
        body["config"] = {**_own(old["config"]), **config}
    if fresh:
        body["config"]["secret"] = secret
        lines.append(("~", "  secret: replaced"))
    return body, lines


def _own(config: Json) -> Json:
    """Return the user's own fields of a config, because a config is replaced as a whole."""
    return {
        name: value
        for name, value in config.items()
        if value is not None and name not in TOLD_BY_THE_SERVICE
    }


def _told(trigger: Json) -> str:
    config = {"cronExpression": "?", "timezone": "UTC", "path": "?", "signature": "optio"}
    return told({**trigger, "config": config | trigger.get("config", {})})
