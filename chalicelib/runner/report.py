"""Reports the end of a job to the API until it answers."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from chalicelib.domain import limits
from chalicelib.domain.display_text import cut_text
from chalicelib.domain.error_class import TRANSIENT_CLASSES, ErrorClass
from chalicelib.domain.runs.attempt import AttemptOutcome
from chalicelib.domain.runs.phase import Phase
from chalicelib.integrations.agents.base import AgentResult
from chalicelib.runner.api import RunnerApi, output_payload
from chalicelib.runner.errors import (
    ApiRejected,
    ApiUnavailable,
    AttemptSuperseded,
)
from chalicelib.runner.job_spec import JobSpec
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.text import clean_text
from chalicelib.runner.work.result import JobResult

log = logging.getLogger(__name__)

ERROR_BYTES = 2048
SUMMARY_BYTES = 8192
MAX_REPORT_TIME = timedelta(minutes=10)
MAX_COUNT, MAX_DOLLARS = 10**12, 10**9


def report_body(
    order: JobSpec,
    result: JobResult,
    lines: JobLog,
    *,
    stage: Phase,
    stages: list[dict[str, str | None]] | None = None,
    error_class: ErrorClass | None = None,
    message: str | None = None,
    transient: bool = False,
) -> dict[str, object]:
    """Return the report; it contains nothing that the log may not contain."""
    agent = result.agent or AgentResult(ok=False)
    redact = lines.redactor.redact_text
    return {
        "runId": order.run_id,
        "attempt": order.attempt,
        "outcome": AttemptOutcome.FAILED if message else result.outcome,
        "stage": stage,
        "stages": stages or [],
        "errorClass": error_class,
        "errorMessage": cut_text(redact(clean_text(message)), ERROR_BYTES) if message else None,
        "transient": transient or error_class in TRANSIENT_CLASSES,
        "retryAt": _retry_at(agent, error_class),
        "branch": result.branch,
        "headSha": result.head_sha,
        "baseSha": result.base_sha,
        "diffStat": result.diff_stat,
        "tests": _tests_part(result, lines),
        "resultSummary": cut_text(redact(clean_text(agent.summary)), SUMMARY_BYTES)
        if agent.summary
        else None,
        "lines": [entry.to_json() for entry in lines.next_batch()],
        "outputs": [output_payload(output) for output in result.outputs],
        "keptWork": _unpushed_work(result),
        "agent": _agent_part(agent, lines),
    }


def _retry_at(agent: AgentResult, error_class: ErrorClass | None) -> str | None:
    """Return when the limit ends that this failure is about; a later failure waits for none."""
    limited = error_class == ErrorClass.RATE_LIMIT and agent.resets_at is not None
    return agent.resets_at.isoformat() if limited and agent.resets_at else None


def _unpushed_work(result: JobResult) -> dict[str, object] | None:
    """Return the work that is on no branch; nothing where it could not be stored."""
    packed_work = result.packed_work
    if packed_work is None or not packed_work.files:
        return None
    files = [output_payload(output) for output in packed_work.files]
    return {"baseSha": packed_work.base_sha, "files": files, "finished": packed_work.finished}


def _agent_part(agent: AgentResult, lines: JobLog) -> dict[str, object]:
    """Return the program's statements about itself, as far as they are valid. A report that is
    refused for one such word would end nothing, and the job would be repeated."""
    return {
        "sessionId": _clean_word(agent.session_id, lines),
        "modelUsed": _clean_word(agent.model, lines),
        "inputTokens": _clean_count(agent.input_tokens),
        "outputTokens": _clean_count(agent.output_tokens),
        "costUsd": _clean_amount(agent.cost_usd, MAX_DOLLARS),
        "turns": _clean_count(agent.turns),
    }


def _clean_word(value: object, lines: JobLog) -> str | None:
    text = lines.redactor.redact_text(clean_text(value)) if isinstance(value, str) else ""
    return " ".join(text.split())[: limits.MAX_NAME_LENGTH] or None


def _clean_count(count: float | None) -> int | None:
    amount = _clean_amount(count, MAX_COUNT)
    return None if amount is None else int(amount)


def _clean_amount(amount: float | None, most: int) -> float | None:
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        return None
    return amount if 0 <= amount <= most else None


def _tests_part(result: JobResult, lines: JobLog) -> dict[str, object] | None:
    test_run = result.test_run
    if test_run is None:
        return None
    last_lines = cut_text(lines.redactor.redact_text(clean_text(test_run.last_lines)), ERROR_BYTES)
    return {"passed": test_run.passed, "exitStatus": test_run.exit_status, "lastLines": last_lines}


def send_report(
    api: RunnerApi, body: dict[str, object], patience: timedelta = MAX_REPORT_TIME
) -> bool:
    """Return whether the API knows how the job ended."""
    until = time.monotonic() + patience.total_seconds()
    pause = 0.5
    while True:
        try:
            api.send_report(body)
        except AttemptSuperseded:
            log.info("report_superseded", extra={"run": body["runId"]})
        except ApiRejected as error:
            log.error("report_refused: %s", error, extra={"run": body["runId"]})
        except ApiUnavailable as error:
            if time.monotonic() + pause > until:
                log.error("report_lost: %s", error, extra={"run": body["runId"]})
                return False
            time.sleep(pause)
            pause = min(pause * 2, 15)
            continue
        return True
