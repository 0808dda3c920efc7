"""Reports the end of a job to the API until it answers."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from chalicelib.domain import limits
from chalicelib.integrations.agents.base import AgentEnd
from chalicelib.runner.api import Api, told
from chalicelib.runner.errors import TRANSIENT, Away, Refused, Superseded
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order
from chalicelib.runner.result import Result
from chalicelib.runner.text import clean, cut

log = logging.getLogger(__name__)

ERROR_BYTES = 2048
SUMMARY_BYTES = 8192
PATIENCE = timedelta(minutes=10)
MOST_COUNTED, MOST_DOLLARS = 10**12, 10**9


def body_of(
    order: Order,
    result: Result,
    lines: Log,
    *,
    stage: str,
    stages: list[dict[str, str | None]] | None = None,
    error_class: str | None = None,
    message: str | None = None,
    transient: bool = False,
) -> dict[str, object]:
    """Return the report; it contains nothing that the log may not contain."""
    agent = result.agent or AgentEnd(ok=False)
    redact = lines.redactor.redact
    return {
        "runId": order.run_id,
        "attempt": order.attempt,
        "outcome": "failed" if message else result.outcome,
        "stage": stage,
        "stages": stages or [],
        "errorClass": error_class,
        "errorMessage": cut(redact(clean(message)), ERROR_BYTES) if message else None,
        "transient": transient or error_class in TRANSIENT,
        "retryAt": _retry_at(agent, error_class),
        "branch": result.branch,
        "headSha": result.head_sha,
        "baseSha": result.base_sha,
        "diffStat": result.diff_stat,
        "tests": _tests(result, lines),
        "resultSummary": cut(redact(clean(agent.summary)), SUMMARY_BYTES)
        if agent.summary
        else None,
        "lines": [entry.json() for entry in lines.batch()],
        "outputs": [told(output) for output in result.outputs],
        "keptWork": _kept(result),
        "agent": _agent(agent, lines),
    }


def _retry_at(agent: AgentEnd, error_class: str | None) -> str | None:
    """Return when the limit ends that this failure is about; a later failure waits for none."""
    limited = error_class == "rate_limit" and agent.resets_at is not None
    return agent.resets_at.isoformat() if limited and agent.resets_at else None


def _kept(result: Result) -> dict[str, object] | None:
    """Return the work that is on no branch; nothing where it could not be stored."""
    kept = result.kept
    if kept is None or not kept.files:
        return None
    files = [told(output) for output in kept.files]
    return {"baseSha": kept.base_sha, "files": files, "finished": kept.finished}


def _agent(agent: AgentEnd, lines: Log) -> dict[str, object]:
    """Return the program's statements about itself, as far as they are valid. A report that is
    refused for one such word would end nothing, and the job would be repeated."""
    return {
        "sessionId": _word(agent.session_id, lines),
        "modelUsed": _word(agent.model, lines),
        "inputTokens": _count(agent.input_tokens),
        "outputTokens": _count(agent.output_tokens),
        "costUsd": _amount(agent.cost_usd, MOST_DOLLARS),
        "turns": _count(agent.turns),
    }


def _word(said: object, lines: Log) -> str | None:
    text = lines.redactor.redact(clean(said)) if isinstance(said, str) else ""
    return " ".join(text.split())[: limits.NAME] or None


def _count(said: float | None) -> int | None:
    known = _amount(said, MOST_COUNTED)
    return None if known is None else int(known)


def _amount(said: float | None, most: int) -> float | None:
    if not isinstance(said, int | float) or isinstance(said, bool):
        return None
    return said if 0 <= said <= most else None


def _tests(result: Result, lines: Log) -> dict[str, object] | None:
    trial = result.trial
    if trial is None:
        return None
    said = cut(lines.redactor.redact(clean(trial.last_lines)), ERROR_BYTES)
    return {"passed": trial.passed, "exitStatus": trial.exit_status, "lastLines": said}


def send(api: Api, body: dict[str, object], patience: timedelta = PATIENCE) -> bool:
    """Return whether the API knows how the job ended."""
    until = time.monotonic() + patience.total_seconds()
    pause = 0.5
    while True:
        try:
            api.report(body)
        except Superseded:
            log.info("report_superseded", extra={"run": body["runId"]})
        except Refused as error:
            log.error("report_refused: %s", error, extra={"run": body["runId"]})
        except Away as error:
            if time.monotonic() + pause > until:
                log.error("report_lost: %s", error, extra={"run": body["runId"]})
                return False
            time.sleep(pause)
            pause = min(pause * 2, 15)
            continue
        return True
