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

from chalicelib.runner import directories, limits, outputs, place, processes, report
from chalicelib.runner.api import Api
from chalicelib.runner.beats import PATIENCE, Beats
from chalicelib.runner.control import Control
from chalicelib.runner.errors import ApiError, Away, Failure, Refused, Stopped, Superseded
from chalicelib.runner.log import Log
from chalicelib.runner.order import Order, named_secrets
from chalicelib.runner.redact import Redactor
from chalicelib.runner.result import Result
from chalicelib.runner.stages import Stages

log = logging.getLogger(__name__)

SHUTDOWN = "the runner was stopped"
SHUTDOWN_PATIENCE = timedelta(seconds=5)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s job %(message)s")
    processes.hide_memory()
    processes.adopt_orphans()
    processes.forbid_new_privileges()
    os.write(0, b"hidden\n")
    given = _first_line()
    order = Order.of(given["job"])
    control = Control(order.timeout)
    there = place.Place.of(given)
    limits.apply(given["diskBytes"], own_user=there.user is not None)
    disk = limits.DiskWatch(there.root, given["diskBytes"], control)
    disk.start()
    signal.signal(signal.SIGTERM, lambda *_: control.stop(SHUTDOWN))
    threading.Thread(target=_watch_runner, args=(control,), daemon=True).start()
    lines = Log(Redactor([*secrets_of(order), given["token"]]))
    api = Api(given["url"], given["token"])
    body = do(order, api, control, lines, there)
    disk.close()
    if body is None:
        return 0
    gone = body["errorMessage"] == SHUTDOWN
    return 0 if report.send(api, body, *([SHUTDOWN_PATIENCE] if gone else [])) else 1


def do(
    order: Order, api: Api, control: Control, lines: Log, there: place.Place
) -> dict[str, object] | None:
    """Do the job and clear up behind it; return the report, or nothing where none is wanted."""
    beats = Beats(api, order, lines, control)
    result = Result()
    stages = Stages(order, there, control, lines, result, beats.confirm, _renewed(api, order))
    beats.start()
    try:
        ended = _gone_through(stages, order, control)
        control.end_stage()
        if _alone(order, there) and not control.wanted_to_end:
            result.outputs = outputs.kept(api, order, there, lines)
            _store_work(api, order, result, lines, ended)
        else:
            result.kept = None
    finally:
        _alone(order, there)
        there.confinement.close()
        directories.remove(there.root)
    if ended.get("message") == "dropped":
        return None
    if ended:
        lines.add("error", ended["message"], always=True)
    shutdown = ended.get("message") == SHUTDOWN
    beats.close(SHUTDOWN_PATIENCE if shutdown else PATIENCE)
    stage, done = control.stage, control.stages
    return report.body_of(order, result, lines, stage=stage, stages=done, **ended)


def _renewed(api: Api, order: Order) -> Callable[[], str | None]:
    def token() -> str | None:
        try:
            return api.git_token(order.run_id, order.attempt)
        except (Away, Refused, Superseded) as error:
            log.warning("no_new_token: %s", error, extra={"run": order.run_id})
            return None

    return token


def _gone_through(stages: Stages, order: Order, control: Control) -> dict[str, Any]:
    """Go through the stages; return how they ended, nothing where all went well."""
    try:
        stages.go()
    except Failure as failure:
        return {"error_class": failure.error_class, "message": failure.message}
    except Stopped as stopped:
        gone = {"error_class": "crash"} if stopped.reason == SHUTDOWN else {}
        return {"message": stopped.reason, "transient": stopped.reason == SHUTDOWN, **gone}
    except Exception as error:
        log.exception("job_crashed", extra={"run": order.run_id})
        message = f"the runner failed in {control.stage}: {type(error).__name__}: {error}"
        return {"error_class": "crash", "message": message}
    return {}


def _store_work(api: Api, order: Order, result: Result, lines: Log, ended: dict[str, Any]) -> None:
    """Upload the work that could not be pushed, and add it to the message of the failure."""
    kept = result.kept
    if kept is None or not kept.files:
        return
    try:
        outputs.send_files(api, order, kept.files)
    except ApiError as error:
        lines.add("error", f"the work could not be kept: {error}")
        result.kept = None
        return
    names = " and ".join(output.name for output in kept.files)
    lines.add("system", f"the work is kept as {names}")
    ended["message"] = f"{ended['message']}; the work is kept as {names}"


def _alone(order: Order, there: place.Place) -> bool:
    """End all that the job has started; return whether nothing of it lives."""
    ended = processes.end_descendants() and (there.user is None or there.user.end_processes())
    if not ended:
        log.error("processes_left", extra={"run": order.run_id})
    return ended


def secrets_of(order: Order) -> list[str]:
    """Return every value that must not be seen."""
    return [value for _, value in named_secrets(order)]


def _first_line() -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            raise SystemExit("no job on standard input")
        data += piece
    given: dict[str, Any] = json.loads(data)
    return given


def _watch_runner(control: Control) -> None:
    while os.read(0, 4096):
        pass
    control.stop(SHUTDOWN)


if __name__ == "__main__":
    sys.exit(main())
