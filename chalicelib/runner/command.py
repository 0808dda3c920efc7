"""The command of a runner: its arguments, and a runner until it is stopped."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from chalicelib.runner.api import RunnerApi
from chalicelib.runner.claim_pace import (
    ACTIVE_WAIT_SECONDS,
    IDLE_WAIT_SECONDS,
    MAX_IDLE_WAIT_SECONDS,
)
from chalicelib.runner.sandbox import job_users, processes
from chalicelib.runner.sandbox.capabilities import SANDBOX_CHOICES, NoSandbox
from chalicelib.runner.sandbox.limits import GIB
from chalicelib.runner.worker import Runner

log = logging.getLogger("chalicelib.runner")

_DESCRIPTION = "`python -m chalicelib.runner`: a runner until it is stopped."


def run_command(token: str) -> int:
    """Run until the runner is stopped; return the exit code."""
    arguments = _parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s runner %(message)s")
    if not sys.platform.startswith("linux"):
        log.error("a runner needs Linux: it ends the processes of a job through /proc and prctl")
        return 2
    if not arguments.url or not token:
        log.error("OPTIO_URL (or --url) and OPTIO_RUNNER_TOKEN are needed")
        return 2
    if os.environ.get("OPTIO_ALLOW_FILE_REPOS") == "1" and not _is_local(arguments.url):
        log.error(
            "OPTIO_ALLOW_FILE_REPOS is for a stage on this machine, not for %s", arguments.url
        )
        return 2
    processes.hide_memory()
    processes.adopt_orphans()
    service = Runner(
        api=RunnerApi(arguments.url, token),
        name=arguments.name,
        concurrency=arguments.concurrency,
        once=arguments.once,
        idle_wait_seconds=arguments.idle_seconds,
        disk_bytes=int(arguments.disk_gb * GIB),
        sandbox=arguments.sandbox,
        build_agent=arguments.build_agent,
        exposed=tuple(arguments.expose or _parse_paths(os.environ.get("OPTIO_RUNNER_EXPOSE", ""))),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.drain_workers())
    log.info("runner_started: %s at %s", arguments.name, arguments.url)
    try:
        job_users.check_users()
        service.run_workers()
    except (job_users.NoUser, NoSandbox) as error:
        log.error("%s", error)
        return 2
    log.info("runner_ended")
    return 0


def _is_local(url: str) -> bool:
    """Whether a stage runs on this machine, so that its users may read the directories here."""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chalicelib.runner", description=_DESCRIPTION)
    parser.add_argument("--url", default=os.environ.get("OPTIO_URL"), help="the API's address")
    parser.add_argument("--concurrency", type=_parse_count, default=1, help="how many jobs at once")
    parser.add_argument("--name", default=socket.gethostname(), help="what the API calls it")
    parser.add_argument(
        "--disk-gb",
        type=_parse_size,
        default=os.environ.get("OPTIO_RUNNER_DISK_GB") or "20",
        help="how many GiB one job's directory may take (20)",
    )
    parser.add_argument(
        "--sandbox",
        choices=SANDBOX_CHOICES,
        default=os.environ.get("OPTIO_RUNNER_SANDBOX") or "auto",
        help="whether jobs run in a sandbox of bubblewrap (auto: where this machine can)",
    )
    parser.add_argument(
        "--expose",
        action="append",
        type=_parse_directory,
        metavar="DIR",
        help="a directory of the machine that jobs see, with its own rights; may be repeated",
    )
    parser.add_argument(
        "--idle-seconds",
        type=_parse_idle_seconds,
        default=os.environ.get("OPTIO_RUNNER_IDLE_SECONDS") or str(IDLE_WAIT_SECONDS),
        help="how many seconds lie between two requests after five minutes without a job (30)",
    )
    parser.add_argument(
        "--build-agent",
        metavar="TYPE",
        help="in a build with an image of its own: install the program of this agent type, and"
        " open the image's toolchains to the job",
    )
    parser.add_argument("--once", action="store_true", help="do one job, if there is one, and end")
    return parser.parse_args()


def _parse_paths(text: str) -> list[str]:
    return [_parse_directory(path) for path in text.split(os.pathsep) if path]


def _parse_directory(text: str) -> str:
    if not Path(text).is_absolute() or os.path.normpath(text) == "/":
        raise argparse.ArgumentTypeError("an absolute path of a directory, and not all of it")
    return os.path.normpath(text)


def _parse_count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _parse_size(text: str) -> float:
    number = float(text)
    if not 0 < number < 1 << 20:
        raise argparse.ArgumentTypeError("more than 0")
    return number


def _parse_idle_seconds(text: str) -> float:
    number = float(text)
    if not ACTIVE_WAIT_SECONDS <= number <= MAX_IDLE_WAIT_SECONDS:
        raise argparse.ArgumentTypeError(
            f"from {ACTIVE_WAIT_SECONDS:g} to {MAX_IDLE_WAIT_SECONDS:g}"
        )
    return number
