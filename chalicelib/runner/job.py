"""`python -m chalicelib.runner.job`: one job, read from standard input, done and reported.

Standard input stays open for as long as the runner lives; its end is the order to stop, whether
the runner closed it or was killed. This process adopts every orphan below it and ends them all.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chalicelib.domain.error_class import ErrorClass
from chalicelib.runner import report
from chalicelib.runner.api import RunnerApi
from chalicelib.runner.errors import (
    ApiError,
    ApiRejected,
    ApiUnavailable,
    AttemptSuperseded,
    JobFailed,
    JobStopped,
)
from chalicelib.runner.heartbeat import MAX_OUTAGE, Heartbeat
from chalicelib.runner.job_control import JobControl
from chalicelib.runner.job_spec import JobSpec, named_secrets
from chalicelib.runner.output.log import JobLog
from chalicelib.runner.output.redact import Redactor
from chalicelib.runner.phases import JobStages
from chalicelib.runner.sandbox import directories, limits, processes, workspace
from chalicelib.runner.work import outputs
from chalicelib.runner.work.result import JobResult

log = logging.getLogger(__name__)

SHUTDOWN_REASON = "the runner was stopped"
SHUTDOWN_PATIENCE = timedelta(seconds=5)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s job %(message)s")
    processes.hide_memory()
    processes.adopt_orphans()
    processes.forbid_new_privileges()
    os.write(0, b"hidden\n")
    message = _read_job()
    order = JobSpec.from_json(message["job"])
    control = JobControl(order.timeout)
    job_directory = workspace.JobDirectory.from_json(message)
    limits.apply_limits(message["diskBytes"], own_user=job_directory.job_user is not None)
    disk = limits.DiskWatch(job_directory.root, message["diskBytes"], control)
    disk.start_watching()
    signal.signal(signal.SIGTERM, lambda *_: control.request_stop(SHUTDOWN_REASON))
    threading.Thread(target=_watch_runner, args=(control,), daemon=True).start()
    lines = JobLog(Redactor([*secret_values(order), message["token"]]))
    api = RunnerApi(message["url"], message["token"])
    body = run_job(order, api, control, lines, job_directory)
    disk.stop_watching()
    if body is None:
        return 0
    gone = body["errorMessage"] == SHUTDOWN_REASON
    return 0 if report.send_report(api, body, *([SHUTDOWN_PATIENCE] if gone else [])) else 1


def run_job(
    order: JobSpec,
    api: RunnerApi,
    control: JobControl,
    lines: JobLog,
    job_directory: workspace.JobDirectory,
) -> dict[str, object] | None:
    """Do the job and clear up behind it; return the report, or nothing where none is wanted."""
    beats = Heartbeat(api, order, lines, control)
    result = JobResult()
    stages = JobStages(
        order,
        job_directory,
        control,
        lines,
        result,
        beats.wait_until_confirmed,
        _token_renewer(api, order),
    )
    beats.start_beating()
    try:
        ended = _run_stages(stages, order, control)
        control.end_stage()
        if _end_all_processes(order, job_directory) and not control.stop_requested:
            result.outputs = outputs.send_outputs(api, order, job_directory, lines)
            _store_work(api, order, result, lines, ended)
        else:
            result.packed_work = None
    finally:
        _end_all_processes(order, job_directory)
        job_directory.confinement.end_all()
        directories.remove_directory(job_directory.root)
    if ended.get("message") == "dropped":
        return None
    if ended:
        lines.add_line("error", ended["message"], always=True)
    shutdown = ended.get("message") == SHUTDOWN_REASON
    beats.stop_beating(SHUTDOWN_PATIENCE if shutdown else MAX_OUTAGE)
    stage, done = control.stage, control.stage_spans
    return report.report_body(order, result, lines, stage=stage, stages=done, **ended)


def _token_renewer(api: RunnerApi, order: JobSpec) -> Callable[[], str | None]:
    def token() -> str | None:
        try:
            return api.fetch_git_token(order.run_id, order.attempt)
        except (ApiUnavailable, ApiRejected, AttemptSuperseded) as error:
            log.warning("no_new_token: %s", error, extra={"run": order.run_id})
            return None

    return token


def _run_stages(stages: JobStages, order: JobSpec, control: JobControl) -> dict[str, Any]:
    """Go through the stages; return how they ended, nothing where all went well."""
    try:
        stages.run_all()
    except JobFailed as failure:
        return {"error_class": failure.error_class, "message": failure.message}
    except JobStopped as stopped:
        gone = {"error_class": ErrorClass.CRASH} if stopped.reason == SHUTDOWN_REASON else {}
        return {"message": stopped.reason, "transient": stopped.reason == SHUTDOWN_REASON, **gone}
    except Exception as error:
        log.exception("job_crashed", extra={"run": order.run_id})
        message = f"the runner failed in {control.stage}: {type(error).__name__}: {error}"
        return {"error_class": ErrorClass.CRASH, "message": message}
    return {}


def _store_work(
    api: RunnerApi, order: JobSpec, result: JobResult, lines: JobLog, ended: dict[str, Any]
) -> None:
    """Upload the work that could not be pushed, and add it to the message of the failure."""
    packed_work = result.packed_work
    if packed_work is None or not packed_work.files:
        return
    try:
        outputs.send_files(api, order, packed_work.files)
    except ApiError as error:
        lines.add_line("error", f"the work could not be kept: {error}")
        result.packed_work = None
        return
    names = " and ".join(output.name for output in packed_work.files)
    lines.add_line("system", f"the work is kept as {names}")
    ended["message"] = f"{ended['message']}; the work is kept as {names}"


def _end_all_processes(order: JobSpec, job_directory: workspace.JobDirectory) -> bool:
    """End all that the job has started; return whether nothing of it lives."""
    ended = processes.end_descendants() and (
        job_directory.job_user is None or job_directory.job_user.end_processes()
    )
    if not ended:
        log.error("processes_left", extra={"run": order.run_id})
    return ended


def secret_values(order: JobSpec) -> list[str]:
    """Return every value that must not be seen."""
    return [value for _, value in named_secrets(order)]


def _read_job() -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            raise SystemExit("no job on standard input")
        data += piece
    message: dict[str, Any] = json.loads(data)
    return message


def _watch_runner(control: JobControl) -> None:
    while os.read(0, 4096):
        pass
    control.request_stop(SHUTDOWN_REASON)


if __name__ == "__main__":
    sys.exit(main())
