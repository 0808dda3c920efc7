"""The command `optio doctor`: checks a stage and gives a remedy for each problem."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from rich.text import Text

from chalicelib.domain.error_class import ErrorClass
from chalicelib.domain.runs.build import WAITING_FOR_CAPACITY
from optio_cli.core import config, resolve
from optio_cli.core.api import ApiClient, Json
from optio_cli.core.errors import ExitCode, Failure
from optio_cli.core.output import format_cell, relative_time
from optio_cli.core.session import AsJson, CommandSession, open_session

LATE_MS = 5000
WAITING_SECONDS = 120
MAX_TASKS, LOOKBACK = 100, timedelta(days=7)
REMEDIES = {
    ErrorClass.CREDENTIAL: (
        "save a valid one with `optio secret set` (docs/guides/agents.md has its name)"
    ),
    ErrorClass.MISSING_SECRET: "save it with `optio secret set`",
    ErrorClass.MISSING_TOOL: "install it on the runner",
}
"""Error classes that repeat until a person acts, each with its remedy."""
FUNCTIONS = {"fire": "fire", "steps": "advance", "remote": "consult", "notify": "notify"}


@dataclass(frozen=True)
class DoctorFinding:
    """One check with its verdict (`ok`, `warn` or `bad`) and a sentence about it."""

    check: str
    verdict: str
    told: str


def run_doctor(as_json: AsJson = False) -> None:
    """Check the login, the stage and its runners; exit with 1 if a check fails."""
    session = open_session(as_json)
    all_findings: list[DoctorFinding] = []
    for look in (
        _check_login,
        _check_reach,
        _check_key,
        _check_scheduler,
        _check_tasks,
        _check_runners,
        _check_failures,
    ):
        findings = list(_try_check(look, session))
        all_findings += findings
        if not as_json:
            _show_findings(session, findings)
        if look in (_check_reach, _check_key) and any(
            finding.verdict == "bad" for finding in findings
        ):
            break
    bad = [finding for finding in all_findings if finding.verdict == "bad"]
    if as_json:
        session.out.print_json(
            {"ok": not bad, "findings": [asdict(finding) for finding in all_findings]}
        )
    if bad:
        raise Failure(f"{len(bad)} of {len(all_findings)} checks failed", ExitCode.FAILED)


def _try_check(
    look: Callable[[CommandSession], Iterator[DoctorFinding]], session: CommandSession
) -> Iterator[DoctorFinding]:
    try:
        yield from look(session)
    except Failure as failure:
        yield DoctorFinding(look.__name__.strip("_"), "bad", failure.message)


def _show_findings(session: CommandSession, findings: list[DoctorFinding]) -> None:
    marks = {"ok": "✓", "warn": "!", "bad": "✗"}
    for finding in findings:
        style = format_cell(finding.verdict).style
        mark = (f"{marks[finding.verdict]} ", style)
        session.out.print_text(Text.assemble(mark, (f"{finding.check:<13}", "bold"), finding.told))


def _check_login(session: CommandSession) -> Iterator[DoctorFinding]:
    file = config.config_path(os.environ)
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield DoctorFinding(
            "login", "bad", f"others can read {file}: run `chmod 600` on it, and replace the token"
        )
    else:
        origin = "from the environment" if os.environ.get("OPTIO_TOKEN") else f"saved in {file}"
        yield DoctorFinding("login", "ok", f"the token is {origin}")


def _check_reach(session: CommandSession) -> Iterator[DoctorFinding]:
    began = datetime.now(UTC)
    session.api.call_api("GET", "/api/health")
    took = (datetime.now(UTC) - began).total_seconds()
    yield DoctorFinding("reach", "ok", f"{session.api.url} answered in {took * 1000:.0f} ms")


def _check_key(session: CommandSession) -> Iterator[DoctorFinding]:
    session.api.call_api("GET", "/api/tasks", query={"limit": 1})
    yield DoctorFinding("key", "ok", "the token is valid and can read tasks")


def _check_scheduler(session: CommandSession) -> Iterator[DoctorFinding]:
    pulse = session.api.call_api("GET", "/api/health/scheduler")
    verdict, sentence = _describe_ticks(pulse)
    yield DoctorFinding("scheduler", verdict, sentence)
    overdue = pulse["oldestOverdue"]
    if overdue and pulse["status"] == "late":
        sentence = (
            f"{overdue['taskId']} should have fired {relative_time(overdue['dueAt'])}: see the "
            f"log of "
            "the function `fire`"
        )
        yield DoctorFinding("overdue", "warn", sentence)
    lateness = pulse["latenessMs"]
    if lateness["count"]:
        verdict = "warn" if (lateness["p99"] or 0) > LATE_MS else "ok"
        spread = f"p50 {lateness['p50']} ms, p99 {lateness['p99']} ms"
        sentence = f"{spread}; firings in the last hour: {lateness['count']}"
        yield DoctorFinding("lateness", verdict, sentence)
    for queue, number in pulse["deadLetters"].items():
        if number:
            sentence = (
                f"{number} of the queue {queue} failed ten times: the log of the function "
                f"`{FUNCTIONS[queue]}` has the reason, `make dead-letters` shows and requeues them"
            )
            yield DoctorFinding("dead letters", "bad", sentence)


def _describe_ticks(pulse: Json) -> tuple[str, str]:
    last, started = pulse["lastTick"], pulse["startedAt"]
    every = f"one is due every {pulse['tickIntervalSeconds']} s"
    if pulse["status"] in ("ok", "late"):
        return "ok", f"the last tick was {relative_time(last)}"
    if pulse["status"] == "starting":
        return (
            "warn",
            f"the stage started {relative_time(started)} and waits for its first tick: {every}",
        )
    since = f"the last one was {relative_time(last)}" if last else "there has been none"
    return "bad", f"ticks have stopped: {since}, {every}. Check the function `tick` and its rule"


def _check_tasks(session: CommandSession) -> Iterator[DoctorFinding]:
    """Yield the blueprints and triggers that the stage paused or disabled, and all warnings."""
    owners = list(resolve.iter_blueprints(session.api))
    trigger_lists = list(resolve.with_trigger_lists(session.api, owners))
    off = [
        DoctorFinding(
            "task",
            "warn",
            f"{owner['name']} is paused: {owner['pausedReason']} (`optio task resume`)",
        )
        for owner in owners
        if owner["pausedReason"]
    ]
    off += [
        DoctorFinding("trigger", "warn", f"{owner['name']}: {trigger['disabledReason']}")
        for owner, listing in trigger_lists
        for trigger in listing["triggers"]
        if trigger["disabledReason"]
    ]
    yield from off
    yield from _iter_warnings(trigger_lists)
    if not off:
        yield DoctorFinding(
            "tasks", "ok", f"{len(owners)} saved; the stage has paused or disabled none"
        )


def _iter_warnings(trigger_lists: list[tuple[Json, Json]]) -> Iterator[DoctorFinding]:
    """Yield each warning of the stage about a blueprint and its triggers."""
    for owner, listing in trigger_lists:
        for warning in listing["warnings"]:
            field = f"{warning['field']}: " if warning["field"] else ""
            sentence = f"{owner['name']}: {field}{warning['message']}"
            yield DoctorFinding("warning", "warn", sentence)


def _check_failures(session: CommandSession) -> Iterator[DoctorFinding]:
    """Yield the tasks whose newest run lacked something, as each run does until it is there."""
    seen: set[str] = set()
    for kind in resolve.RUN_TYPES:
        for run in session.api.iter_pages("/api/tasks", "tasks", MAX_TASKS, {"type": kind}):
            name = str(run["metadata"]["taskConfigName"] or run["title"])
            old = datetime.now(UTC) - datetime.fromisoformat(run["updatedAt"]) > LOOKBACK
            remedy = None if old or name in seen else REMEDIES.get(run["errorClass"])
            seen.add(name)
            if run["state"] == "failed" and remedy:
                sentence = (
                    f"{name} failed {relative_time(run['updatedAt'])}: "
                    f"{run['errorMessage']}; {remedy}"
                )
                yield DoctorFinding("failure", "warn", sentence)


def _check_runners(session: CommandSession) -> Iterator[DoctorFinding]:
    """Yield the state of the runners: runs that wait for one, and the newest runner's start."""
    waiting, unbuilt = _list_waiting(session.api)
    if unbuilt:
        yield DoctorFinding("builds", "bad", _describe_missing_builds(unbuilt))
    newest = _newest_attempt(session.api)
    if waiting:
        oldest = min(str(run["updatedAt"]) for run in waiting)
        sentence = (
            f"{len(waiting)} waiting for more than two minutes, the oldest since "
            f"{relative_time(oldest)}: start a runner (docs/guides/runners.md)"
        )
        yield DoctorFinding("runner", "bad", sentence)
    elif newest and not unbuilt:
        yield DoctorFinding("runner", "ok", f"no run is waiting; {_describe_start(newest)}")
    elif not unbuilt:
        yield DoctorFinding(
            "runner", "warn", "no runner has started a run yet: try `optio task new`"
        )
    able = newest.get("capabilities") if newest else None
    if newest and able:
        yield _sandbox_finding(newest["runner"], able)


def _describe_start(attempt: Json) -> str:
    return f"{attempt['runner']} started one {relative_time(attempt['startedAt'])}"


def _sandbox_finding(runner: str, able: Json) -> DoctorFinding:
    if able["sandbox"]:
        return DoctorFinding("sandbox", "ok", f"{runner} gives each job a sandbox")
    reason = able["reason"] or "no reason was reported"
    return DoctorFinding("sandbox", "warn", f"{runner} has no sandbox for its jobs: {reason}")


def _describe_missing_builds(unbuilt: list[Json]) -> str:
    """Return what to do for runs that wait because the account may run no more builds."""
    return (
        f"{len(unbuilt)} waiting for a CodeBuild build: {unbuilt[0]['waitingFor']}. Raise"
        " 'Concurrently running builds' of the build's machine in Service Quotas, AWS CodeBuild"
        " (docs/guides/runners.md)"
    )


def _list_waiting(api: ApiClient) -> tuple[list[Json], list[Json]]:
    """Return the runs that wait for a runner for long, and those that wait for build capacity."""
    now = datetime.now(UTC)
    waiting, unbuilt = [], []
    for kind in resolve.RUN_TYPES:
        for state in ("provisioning", "queued"):
            for run in api.iter_pages("/api/tasks", "tasks", 100, {"type": kind, "state": state}):
                since = now - datetime.fromisoformat(run["updatedAt"])
                if run["waitingFor"] == "a runner" and since.total_seconds() > WAITING_SECONDS:
                    waiting.append(run)
                elif str(run["waitingFor"]).startswith(WAITING_FOR_CAPACITY):
                    unbuilt.append(run)
    return waiting, unbuilt


def _newest_attempt(api: ApiClient) -> Json | None:
    """Return the last attempt of the newest run that a runner has started."""
    for kind in resolve.RUN_TYPES:
        for run in api.iter_pages("/api/tasks", "tasks", 5, {"type": kind}):
            attempts = resolve.get_task(api, run["id"]).get("attempts") or []
            if attempts and attempts[-1]["runner"]:
                newest: Json = attempts[-1]
                return newest
    return None
