"""`optio doctor`: is everything in order, and what to do where it is not."""

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
FIRST_TICK = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `ok`, `warn` or `bad`, and what to know about it."""

    check: str
    verdict: str
    told: str


def doctor(as_json: AsJson = False) -> None:
    """Check the stage from here to the runner; exit 1 when something is broken."""
    session = open_session(as_json)
    found: list[Finding] = []
    for look in (_login, _reach, _key, _scheduler, _triggers, _runners):
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
        session.out.say(Text.assemble(mark, (f"{one.check:<11}", "bold"), one.told))


def _login(session: Session) -> Iterator[Finding]:
    file = config.path(os.environ)
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Finding("login", "bad", f"others can read {file}: chmod 600, and renew the token")
    else:
        kept = "from the environment" if os.environ.get("OPTIO_TOKEN") else f"kept in {file}"
        yield Finding("login", "ok", f"the token is {kept}")


def _reach(session: Session) -> Iterator[Finding]:
    began = datetime.now(UTC)
    session.api.call("GET", "/api/health")
    took = (datetime.now(UTC) - began).total_seconds()
    yield Finding("reach", "ok", f"{session.api.url} answered in {took * 1000:.0f} ms")


def _key(session: Session) -> Iterator[Finding]:
    session.api.call("GET", "/api/tasks", query={"limit": 1})
    yield Finding("key", "ok", "the token is known, and may read tasks")


def _scheduler(session: Session) -> Iterator[Finding]:
    pulse = session.api.call("GET", "/api/health/scheduler")
    last = pulse["lastTick"]
    if pulse["status"] == "ok":
        yield Finding("scheduler", "ok", f"the last tick was {ago(last)}")
    elif pulse["status"] == "late":
        told = f"ticks come (last: {ago(last)}), but something is overdue"
        yield Finding("scheduler", "warn", told)
    elif last is None and _is_new(session.api):
        told = "no tick yet: a new stage gets its first within a minute or two, ask again then"
        yield Finding("scheduler", "warn", told)
    else:
        told = f"no tick {f'since {last}' if last else 'came yet'}: look at the function tick"
        yield Finding("scheduler", "bad", told)
    overdue = pulse["oldestOverdue"]
    if overdue:
        told = f"task {overdue['taskId']} is overdue by {overdue['overdueSeconds']} s"
        yield Finding("overdue", "warn", told)
    late = pulse["latenessMs"]
    if late["count"]:
        verdict = "warn" if (late["p99"] or 0) > LATE_MS else "ok"
        told = f"p50 {late['p50']} ms, p99 {late['p99']} ms over {late['count']} firings"
        yield Finding("lateness", verdict, told)


def _is_new(api: Api) -> bool:
    """Whether nothing of the stage is older than a stage may be that has not ticked yet."""
    made = [datetime.fromisoformat(str(one["createdAt"])) for one in finding.definitions(api)]
    return all(datetime.now(UTC) - moment < FIRST_TICK for moment in made)


def _triggers(session: Session) -> Iterator[Finding]:
    """Yield what switched itself off: it fires no more until somebody looks."""
    owners = list(finding.definitions(session.api))
    off = [
        f"{owner['name']}: {trigger['disabledReason']}"
        for owner in owners
        for trigger in finding.triggers(session.api, owner["id"])
        if trigger["disabledReason"]
    ]
    for told in off:
        yield Finding("trigger", "warn", told)
    if not off:
        yield Finding("triggers", "ok", f"none of {len(owners)} definitions' triggers is off")


def _runners(session: Session) -> Iterator[Finding]:
    """Yield whether somebody does the jobs: what waits for a runner, and who ran last."""
    waiting = list(_waiting(session.api))
    newest = _last_runner(session.api)
    if waiting:
        oldest = min(str(run["updatedAt"]) for run in waiting)
        told = f"{len(waiting)} runs wait for one, the oldest since {ago(oldest)}: start a runner"
        yield Finding("runner", "bad", told)
    elif newest:
        yield Finding("runner", "ok", f"no run waits; {newest}")
    else:
        yield Finding("runner", "warn", "no run has come to a runner yet: `optio task new` tries")


def _waiting(api: Api) -> Iterator[Json]:
    now = datetime.now(UTC)
    for kind in finding.RUNS:
        for state in ("provisioning", "queued"):
            for run in api.pages("/api/tasks", "tasks", 100, {"type": kind, "state": state}):
                since = now - datetime.fromisoformat(run["updatedAt"])
                if run["waitingFor"] == "a runner" and since.total_seconds() > WAITING_SECONDS:
                    yield run


def _last_runner(api: Api) -> str | None:
    for kind in finding.RUNS:
        for run in api.pages("/api/tasks", "tasks", 5, {"type": kind}):
            attempts = finding.task(api, run["id"]).get("attempts") or []
            if attempts and attempts[-1]["runner"]:
                return f"{attempts[-1]['runner']} began one {ago(attempts[-1]['startedAt'])}"
    return None
