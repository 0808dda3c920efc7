"""The only reader of the environment; names every table, queue and log group of a stage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from chalicelib.domain.pool import ComputeType, Pool

CONFIGURABLE_VARIABLES = (
    "OPTIO_WORKFLOW_TRIGGER_INTERVAL",
    "OPTIO_MISSED_AFTER",
    "OPTIO_MAX_CONCURRENT",
    "OPTIO_RETENTION_DAYS",
    "OPTIO_DUE_SHARDS",
    "OPTIO_PAUSE_AFTER_FAILURES",
    "OPTIO_HOOK_RATE",
    "OPTIO_REQUEST_RATE",
    "OPTIO_REQUEST_BURST",
    "OPTIO_LAMBDA_LIMIT",
    "OPTIO_STALL_THRESHOLD_MS",
    "OPTIO_ALLOW_PRIVATE_URLS",
    "OPTIO_ALLOW_FILE_REPOS",
    "OPTIO_BUCKET",
    "OPTIO_KMS_KEY",
    "OPTIO_RUNNER",
    "OPTIO_RUNNER_IMAGE",
    "OPTIO_RUNNER_COMPUTE",
    "OPTIO_PUBLIC_URL",
    "OPTIO_ALARM_TOPIC",
    "OPTIO_DASHBOARD",
)
"""Settings that can be set when a stage is packaged."""
DEFAULT_RUNNER_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:6.0"
DEFAULT_COMPUTE_TYPE = ComputeType.MEDIUM
"""Four processors and 7 GiB: an agent's program takes about one, and a build runs beside it."""


@dataclass(frozen=True)
class Settings:
    """The configuration of a stage. Each setting is read on its first use."""

    environment: Mapping[str, str]

    @property
    def stage(self) -> str:
        return self.environment.get("STAGE", "dev")

    @property
    def region(self) -> str:
        return self.environment.get("AWS_REGION") or self.environment.get(
            "AWS_DEFAULT_REGION", "us-east-1"
        )

    def table_name(self, kind: str) -> str:
        return f"optio-{self.stage}-{kind}"

    def queue_name(self, kind: str) -> str:
        return f"optio-{self.stage}-{kind}"

    @property
    def notify_mapping(self) -> str:
        """The id of the mapping by which `notify` reads its queue; the template sets it."""
        return self.environment.get("OPTIO_NOTIFY_MAPPING", "")

    @property
    def log_group(self) -> str:
        return f"/optio/{self.stage}/runs"

    def log_group_of(self, function: str) -> str:
        """The log group of a function, created by us: Lambda's own would never expire."""
        return f"/optio/{self.stage}/functions/{function}"

    @property
    def data_key(self) -> str:
        """The name of the SSM parameter with the encryption key of this stage."""
        return f"/optio/{self.stage}/data-key"

    @property
    def secrets_prefix(self) -> str:
        """The prefix under which the values of users' secrets are stored."""
        return f"optio/{self.stage}/secrets/"

    @property
    def build_project(self) -> str:
        """The CodeBuild project whose builds do the jobs of runs."""
        return f"optio-{self.stage}-runner"

    @cached_property
    def runner(self) -> Pool:
        """The pool that runs the jobs of repos without a setting of their own."""
        pool = self.environment.get("OPTIO_RUNNER", "").strip() or Pool.CODEBUILD
        if pool not in tuple(Pool):
            raise ValueError(f"OPTIO_RUNNER must be one of {', '.join(Pool)}, not {pool!r}")
        return Pool(pool)

    @property
    def runner_image(self) -> str:
        """The image of builds whose blueprint and repo name none."""
        return self.environment.get("OPTIO_RUNNER_IMAGE", "").strip() or DEFAULT_RUNNER_IMAGE

    @cached_property
    def runner_compute_type(self) -> ComputeType:
        """The machine of builds whose blueprint and repo name none."""
        chosen = self.environment.get("OPTIO_RUNNER_COMPUTE", "").strip() or DEFAULT_COMPUTE_TYPE
        if chosen not in tuple(ComputeType):
            raise ValueError(
                f"OPTIO_RUNNER_COMPUTE must be one of {', '.join(ComputeType)}, not {chosen!r}"
            )
        return ComputeType(chosen)

    @property
    def bucket(self) -> str:
        return self.environment.get("OPTIO_BUCKET", f"optio-{self.stage}-blobs")

    @property
    def kms_key(self) -> str:
        """The ARN of the account's own key that encrypts all stored data, if any."""
        return self.environment.get("OPTIO_KMS_KEY", "").strip()

    @property
    def public_url(self) -> str | None:
        """The public URL of this stage, for links in pull requests and tickets."""
        return self.environment.get("OPTIO_PUBLIC_URL", "").strip().rstrip("/") or None

    @property
    def alarm_topic(self) -> str:
        """The SNS topic that alarms notify. Without one, a stage has no alarms."""
        return self.environment.get("OPTIO_ALARM_TOPIC", "").strip()

    @property
    def dashboard(self) -> bool:
        """Return whether the stage has a CloudWatch dashboard."""
        return self.environment.get("OPTIO_DASHBOARD", "") == "1"

    @cached_property
    def shards(self) -> int:
        """The number of partitions of a due index; it may be raised, never lowered."""
        return self._read_integer("OPTIO_DUE_SHARDS", 4, least=1, most=64)

    @cached_property
    def tick_interval(self) -> timedelta:
        """The time between ticks: whole minutes, rounded up, from 1 to 7."""
        milliseconds = self._read_integer(
            "OPTIO_WORKFLOW_TRIGGER_INTERVAL", 60000, least=1, most=10**9
        )
        return timedelta(minutes=min(7, max(1, -(-milliseconds // 60000))))

    @cached_property
    def missed_after(self) -> timedelta:
        return timedelta(
            seconds=self._read_integer("OPTIO_MISSED_AFTER", 600, least=60, most=86400)
        )

    @cached_property
    def max_concurrent(self) -> int:
        """The maximum number of runs of the whole stage that work at once."""
        return self._read_integer("OPTIO_MAX_CONCURRENT", 5, least=1, most=10000)

    @cached_property
    def stall_threshold(self) -> timedelta:
        """The time without output after which a running run is shown as stalled."""
        milliseconds = self._read_integer(
            "OPTIO_STALL_THRESHOLD_MS", 900_000, least=1000, most=10**9
        )
        return timedelta(milliseconds=milliseconds)

    @cached_property
    def pause_after_failures(self) -> int:
        """The number of consecutive failures of one class that pauses a blueprint."""
        return self._read_integer("OPTIO_PAUSE_AFTER_FAILURES", 5, least=1, most=50)

    @cached_property
    def allowed_private(self) -> tuple[str, ...]:
        """Private hosts, addresses and networks that requests may go to."""
        rules = self.environment.get("OPTIO_ALLOW_PRIVATE_URLS", "").split(",")
        return tuple(rule.strip() for rule in rules if rule.strip())

    @cached_property
    def file_repos(self) -> bool:
        """Return whether a repo may be a directory of the runner's machine."""
        return self.environment.get("OPTIO_ALLOW_FILE_REPOS", "") == "1"

    @cached_property
    def webhook_rate_per_second(self) -> int:
        """The deliveries per second that one worker accepts for one path."""
        return self._read_integer("OPTIO_HOOK_RATE", 50, least=1, most=100_000)

    @cached_property
    def request_rate(self) -> int:
        """The requests per second that the gateway passes on in the long run; 429 beyond it."""
        return self._read_integer("OPTIO_REQUEST_RATE", 200, least=1, most=10_000)

    @cached_property
    def request_burst(self) -> int:
        """The requests at once that the gateway passes on."""
        return self._read_integer("OPTIO_REQUEST_BURST", 1000, least=1, most=5_000)

    @cached_property
    def account_concurrency(self) -> int:
        """The number of functions that may run at once in the account, shared with the queues."""
        return self._read_integer("OPTIO_LAMBDA_LIMIT", 1000, least=1, most=1_000_000)

    @cached_property
    def retention(self) -> timedelta:
        """The time for which ledger and finished runs are kept; longer than any replay window."""
        return timedelta(days=self._read_integer("OPTIO_RETENTION_DAYS", 90, least=4, most=3650))

    def _read_integer(self, name: str, default: int, *, least: int, most: int) -> int:
        text = self.environment.get(name, "").strip()
        if not text:
            return default
        if not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
        return int(text)


settings = Settings(os.environ)
