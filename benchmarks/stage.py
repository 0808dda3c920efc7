"""A stage to measure on: an emulator of its own, with the tables, queues and keys of a stage.

The emulator is a process of its own, so what it costs is never in our CPU time. It reports
the capacity of each call by AWS's rules, indexes apart.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import boto3
import psutil

from chalicelib import aws_session, wiring
from chalicelib.settings import settings
from chalicelib.storage.dynamo import connection
from chalicelib.storage.records import TABLE_RECORDS
from infra.dev.emulator import Emulator
from infra.release.deploy import Target


class Stage(Emulator):
    """An emulator that holds a stage without its functions."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a process of this stage."""
        return {**self.credentials, "STAGE": settings.stage, "AWS_ENDPOINT_URL": self.endpoint}

    def admin_key(self) -> str:
        """Make a key that may do everything, and return its token."""
        return Target(self.endpoint, settings.stage).make_admin_key()

    def runner_key(self) -> str:
        """Make a key of a runner, and return its token."""
        return Target(self.endpoint, settings.stage).make_runner_key()

    def use(self) -> None:
        """Let this process talk to this stage, with clients that are new."""
        os.environ.update(self.environment)
        forget()

    def cpu(self) -> float:
        """Return the CPU seconds that the emulator has used."""
        assert self._process is not None
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def kill(self) -> None:
        """End it at once, with nothing saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield an empty stage, which this process then talks to."""
    folder = Path(tempfile.mkdtemp(prefix="optio-bench-"))
    emulator = Stage(folder)
    before = dict(os.environ)
    try:
        emulator.use()
        emulator.start()
        fill_stage()
        yield emulator
    finally:
        emulator.kill()
        os.environ.clear()
        os.environ.update(before)
        forget()
        shutil.rmtree(folder, ignore_errors=True)


def forget() -> None:
    """Let this process make new clients, as a cold one does."""
    connection.get_connection.cache_clear()
    wiring.get_world.cache_clear()
    boto3.DEFAULT_SESSION = None
    aws_session.shared_session.cache_clear()
    for table in TABLE_RECORDS:
        table._connection = None


def fill_stage() -> None:
    """Make the tables, queues and keys of a stage."""
    for table in TABLE_RECORDS:
        table.create_table()
    sqs = client("sqs")
    for kind in ("fire", "steps", "remote", "notify"):
        sqs.create_queue(QueueName=settings.queue_name(kind))
    client("logs").create_log_group(logGroupName=settings.log_group)
    client("ssm").put_parameter(Name=settings.data_key, Value="of benchmarks", Type="SecureString")
    client("s3").create_bucket(Bucket=settings.bucket)


@contextmanager
def capture_output() -> Iterator[io.StringIO]:
    """Yield what the functions print inside the block: their log lines and their metrics."""
    before = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    try:
        with redirect_stdout(io.StringIO()) as printed:
            yield printed
    finally:
        logging.disable(before)


def client(service: str) -> Any:
    """Return a client of the emulator for what is not measured."""
    return boto3.client(service, region_name=settings.region)
