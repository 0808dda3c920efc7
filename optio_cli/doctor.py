"""The command `optio doctor`: checks a stage and gives a remedy for each problem."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from rich.text import Text

from optio_cli import config, finding
from optio_cli.api import Api, Json
from optio_cli.errors import Exit, Failure
from optio_cli.output import ago, cell
from optio_cli.session import AsJson, Session, open_session

LATE_MS = 5000
WAITING_SECONDS = 120
NEWEST, WEEK = 100, timedelta(days=7)
MENDABLE = {
    "credential": "save a valid one with `optio secret set` (docs/guides/agents.md has its name)",
    "missing_secret": "save it with `optio secret set`",
    "missing_tool": "install it on the runner",
}
"""Error classes that repeat until a person acts, each with its remedy."""
FUNCTIONS = {"fire": "fire", "steps": "advance", "remote": "consult", "notify": "notify"}


@dataclass(frozen=True)
class Finding:
    """One check with its verdict (`ok`, `warn` or `bad`) and a sentence about it."""

    check: str
    verdict: str
    told: str


def doctor(as_json: AsJson = False) -> None:
    """Check the login, the stage and its runners; exit with 1 if a check fails."""
    session = open_session(as_json)
    found: list[Finding] = []
    for look in (_login, _reach, _key, _scheduler, _tasks, _runners, _failures):
        findings = list(_tried(look, session))
        found += findings
        if not as_json:
            _show(session, findings)
        if look in (_reach, _key) and any(one.verdict == "bad" for one in findings):
            break
    bad = [one for one in found if one.verdict == "bad"]
    if as_json:
        session.out.json({"ok": not bad, "findings": [asdict(one) for one in found]})
    if bad:
        raise Failure(f"{len(bad)} of {len(found)} checks failed", Exit.FAILED)


def _tried(look: Callable[[Session], Iterator[Finding]], session: Session) -> Iterator[Finding]:
    try:
        yield from look(session)
    except Failure as failure:
        yield Finding(look.__name__.strip("_"), "bad", failure.message)


def _show(session: Session, findings: list[Finding]) -> None:
    marks = {"ok": "✓", "warn": "!", "bad": "✗"}
    for one in findings:
        style = cell(one.verdict).style
        mark = (f"{marks[one.verdict]} ", style)
        session.out.say(Text.assemble(mark, (f"{one.check:<13}", "bold"), one.told))


def _login(session: Session) -> Iterator[Finding]:
    file = config.path(os.environ)
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding(
            "login", "bad", f"others can read {file}: run `chmod 600` on it, and replace the token"
        )
    else:
        kept = "from the environment" if os.environ.get("OPTIO_TOKEN") else f"saved in {file}"
        yield Finding("login", "ok", f"the token is {kept}")


def _reach(session: Session) -> Iterator[Finding]:
    began = datetime.now(UTC)
    session.api.call("GET", "/api/health")
    took = (datetime.now(UTC) - began).total_seconds()
    yield Finding("reach", "ok", f"{session.api.url} answered in {took * 1000:.0f} ms")


def _key(session: Session) -> Iterator[Finding]:
    session.api.call("GET", "/api/tasks", query={"limit": 1})
    yield Finding("key", "ok", "the token is valid and can read tasks")


def _scheduler(session: Session) -> Iterator[Finding]:
    pulse = session.api.call("GET", "/api/health/scheduler")
    verdict, told = _ticks(pulse)
    yield Finding("scheduler", verdict, told)
    overdue = pulse["oldestOverdue"]
    if overdue and pulse["status"] == "late":
        told = (
            f"{overdue['taskId']} should have fired {ago(overdue['dueAt'])}: see the log of "
            "the function `fire`"
        )
        yield Finding("overdue", "warn", told)
    late = pulse["latenessMs"]
    if late["count"]:
        verdict = "warn" if (late["p99"] or 0) > LATE_MS else "ok"
        spread = f"p50 {late['p50']} ms, p99 {late['p99']} ms"
        told = f"{spread}; firings in the last hour: {late['count']}"
        yield Finding("lateness", verdict, told)
    for queue, number in pulse["deadLetters"].items():
        if number:
            told = (
                f"{number} of the queue {queue} failed ten times: the log of the function "
                f"`{FUNCTIONS[queue]}` has the reason, `make dead-letters` shows and requeues them"
            )
            yield Finding("dead letters", "bad", told)


def _ticks(pulse: Json) -> tuple[str, str]:
    last, started = pulse["lastTick"], pulse["startedAt"]
    every = f"one is due every {pulse['tickIntervalSeconds']} s"
    if pulse["status"] in ("ok", "late"):
        return "ok", f"the last tick was {ago(last)}"
    if pulse["status"] == "starting":
        return "warn", f"the stage started {ago(started)} and waits for its first tick: {every}"
    since = f"the last one was {ago(last)}" if last else "there has been none"
    return "bad", f"ticks have stopped: {since}, {every}. Check the function `tick` and its rule"


def _tasks(session: Session) -> Iterator[Finding]:
    """Yield the blueprints and triggers that the stage paused or disabled, and all warnings."""
    owners = list(finding.definitions(session.api))
    listed = list(finding.with_trigger_lists(session.api, owners))
    off = [
        Finding(
            "task", "warn", f"{one['name']} is paused: {one['pausedReason']} (`optio task resume`)"
        )
        for one in owners
        if one["pausedReason"]
    ]
    off += [
        Finding("trigger", "warn", f"{owner['name']}: {trigger['disabledReason']}")
        for owner, found in listed
        for trigger in found["triggers"]
        if trigger["disabledReason"]
    ]
    yield from off
    yield from _warnings(listed)
    if not off:
        yield Finding("tasks", "ok", f"{len(owners)} saved; the stage has paused or disabled none")


def _warnings(listed: list[tuple[Json, Json]]) -> Iterator[Finding]:
    """Yield each warning of the stage about a blueprint and its triggers."""
    for owner, found in listed:
        for warning in found["warnings"]:
            field = f"{warning['field']}: " if warning["field"] else ""
            told = f"{owner['name']}: {field}{warning['message']}"
            yield Finding("warning", "warn", told)


def _failures(session: Session) -> Iterator[Finding]:
    """Yield the tasks whose newest run lacked something, as each run does until it is there."""
    seen: set[str] = set()
    for kind in finding.RUNS:
        for run in session.api.pages("/api/tasks", "tasks", NEWEST, {"type": kind}):
            name = str(run["metadata"]["taskConfigName"] or run["title"])
            old = datetime.now(UTC) - datetime.fromisoformat(run["updatedAt"]) > WEEK
            remedy = None if old or name in seen else MENDABLE.get(run["errorClass"])
            seen.add(name)
            if run["state"] == "failed" and remedy:
                told = f"{name} failed {ago(run['updatedAt'])}: {run['errorMessage']}; {remedy}"
                yield Finding("failure", "warn", told)


def _runners(session: Session) -> Iterator[Finding]:
    """Yield the state of the runners: runs that wait for one, and the newest runner's start."""
    waiting = list(_waiting(session.api))
    newest = _newest_attempt(session.api)
    if waiting:
        oldest = min(str(run["updatedAt"]) for run in waiting)
        told = (
            f"{len(waiting)} waiting for more than two minutes, the oldest since {ago(oldest)}: "
            "start a runner (docs/guides/runners.md), or check the builds"
        )
        yield Finding("runner", "bad", told)
    elif newest:
        yield Finding("runner", "ok", f"no run is waiting; {_describe_start(newest)}")
    else:
        yield Finding("runner", "warn", "no runner has started a run yet: try `optio task new`")
    able = newest.get("capabilities") if newest else None
    if newest and able:
        yield _sandbox_finding(newest["runner"], able)


def _describe_start(attempt: Json) -> str:
    return f"{attempt['runner']} started one {ago(attempt['startedAt'])}"


def _sandbox_finding(runner: str, able: Json) -> Finding:
    if able["sandbox"]:
        return Finding("sandbox", "ok", f"{runner} gives each job a sandbox")
    reason = able["reason"] or "no reason was reported"
    return Finding("sandbox", "warn", f"{runner} has no sandbox for its jobs: {reason}")


def _waiting(api: Api) -> Iterator[Json]:
    now = datetime.now(UTC)
    for kind in finding.RUNS:
        for state in ("provisioning", "queued"):
            for run in api.pages("/api/tasks", "tasks", 100, {"type": kind, "state": state}):
                since = now - datetime.fromisoformat(run["updatedAt"])
                if run["waitingFor"] == "a runner" and since.total_seconds() > WAITING_SECONDS:
                    yield run


def _newest_attempt(api: Api) -> Json | None:
    """Return the last attempt of the newest run that a runner has started."""
    for kind in finding.RUNS:
        for run in api.pages("/api/tasks", "tasks", 5, {"type": kind}):
            attempts = finding.task(api, run["id"]).get("attempts") or []
            if attempts and attempts[-1]["runner"]:
                newest: Json = attempts[-1]
                return newest
    return None
