"""The only reader of the environment; names every table, queue and log group of a stage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from chalicelib.domain.launch import RUNNERS

CONFIGURABLE = (
    "OPTIO_WORKFLOW_TRIGGER_INTERVAL",
    "OPTIO_MISSED_AFTER",
    "OPTIO_MAX_CONCURRENT",
    "OPTIO_RETENTION_DAYS",
    "OPTIO_DUE_SHARDS",
    "OPTIO_PAUSE_AFTER_FAILURES",
    "OPTIO_HOOK_RATE",
    "OPTIO_LAMBDA_LIMIT",
    "OPTIO_STALL_THRESHOLD_MS",
    "OPTIO_ALLOW_PRIVATE_URLS",
    "OPTIO_ALLOW_FILE_REPOS",
    "OPTIO_BUCKET",
    "OPTIO_KMS_KEY",
    "OPTIO_RUNNER",
    "OPTIO_PUBLIC_URL",
    "OPTIO_ALARM_TOPIC",
)
"""What may be set when a stage is packaged."""


@dataclass(frozen=True)
class Settings:
    """What a stage is configured with. Nothing is read before it is asked for."""

    environment: Mapping[str, str]

    @property
    def stage(self) -> str:
        return self.environment.get("STAGE", "dev")

    @property
    def region(self) -> str:
        return self.environment.get("AWS_REGION") or self.environment.get(
            "AWS_DEFAULT_REGION", "us-east-1"
        )

    def table(self, kind: str) -> str:
        return f"optio-{self.stage}-{kind}"

    def queue(self, kind: str) -> str:
        return f"optio-{self.stage}-{kind}"

    @property
    def log_group(self) -> str:
        return f"/optio/{self.stage}/runs"

    def log_of(self, function: str) -> str:
        """The log group of a function, one of ours: Lambda's own would end never."""
        return f"/optio/{self.stage}/functions/{function}"

    @property
    def data_key(self) -> str:
        """The name of the secret behind the seals of this stage."""
        return f"optio/{self.stage}/data-key"

    @property
    def secrets_prefix(self) -> str:
        """Where the values of users' secrets are kept."""
        return f"optio/{self.stage}/secrets/"

    @property
    def build_project(self) -> str:
        """The CodeBuild project whose builds do the jobs of runs."""
        return f"optio-{self.stage}-runner"

    @cached_property
    def runner(self) -> str:
        """Who does the jobs of runs whose repo says nothing else."""
        asked = self.environment.get("OPTIO_RUNNER", "").strip() or RUNNERS[0]
        if asked not in RUNNERS:
            raise ValueError(f"OPTIO_RUNNER must be one of {', '.join(RUNNERS)}, not {asked!r}")
        return asked

    @property
    def bucket(self) -> str:
        return self.environment.get("OPTIO_BUCKET", f"optio-{self.stage}-blobs")

    @property
    def kms_key(self) -> str:
        """The ARN of the account's own key that all that is kept is encrypted under, if any."""
        return self.environment.get("OPTIO_KMS_KEY", "").strip()

    @property
    def public_url(self) -> str | None:
        """Where people reach this stage, for links in pull requests and tickets."""
        return self.environment.get("OPTIO_PUBLIC_URL", "").strip().rstrip("/") or None

    @property
    def alarm_topic(self) -> str:
        """The SNS topic that alarms tell, if there is one."""
        return self.environment.get("OPTIO_ALARM_TOPIC", "")

    @cached_property
    def shards(self) -> int:
        """How many parts a due index is written to; may be raised, never lowered."""
        return self._whole("OPTIO_DUE_SHARDS", 4, least=1, most=64)

    @cached_property
    def interval(self) -> timedelta:
        """The tick: whole minutes, 1 to 7, whatever fraction was asked for."""
        asked = self._whole("OPTIO_WORKFLOW_TRIGGER_INTERVAL", 60000, least=1, most=10**9)
        return timedelta(minutes=min(7, max(1, -(-asked // 60000))))

    @cached_property
    def missed_after(self) -> timedelta:
        return timedelta(seconds=self._whole("OPTIO_MISSED_AFTER", 600, least=60, most=86400))

    @cached_property
    def max_concurrent(self) -> int:
        """How many runs may work at once in the whole stage."""
        return self._whole("OPTIO_MAX_CONCURRENT", 5, least=1, most=10000)

    @cached_property
    def stall_threshold(self) -> timedelta:
        """For how long a working run may say nothing before it is shown as stalled."""
        asked = self._whole("OPTIO_STALL_THRESHOLD_MS", 900_000, least=1000, most=10**9)
        return timedelta(milliseconds=asked)

    @cached_property
    def pause_after_failures(self) -> int:
        """How many failures of one class in a row pause a definition."""
        return self._whole("OPTIO_PAUSE_AFTER_FAILURES", 5, least=1, most=50)

    @cached_property
    def allowed_private(self) -> tuple[str, ...]:
        """Hosts, addresses and networks that are private and may be asked all the same."""
        named = self.environment.get("OPTIO_ALLOW_PRIVATE_URLS", "").split(",")
        return tuple(rule.strip() for rule in named if rule.strip())

    @cached_property
    def file_repos(self) -> bool:
        """Whether a repo may be a directory of the machine that the runner works on."""
        return self.environment.get("OPTIO_ALLOW_FILE_REPOS", "") == "1"

    @cached_property
    def hook_rate(self) -> int:
        """How many deliveries a second one worker takes for one path."""
        return self._whole("OPTIO_HOOK_RATE", 50, least=1, most=100_000)

    @cached_property
    def lambda_limit(self) -> int:
        """How many functions may run at once in the account, of which the queues get a part."""
        return self._whole("OPTIO_LAMBDA_LIMIT", 1000, least=1, most=1_000_000)

    @cached_property
    def retention(self) -> timedelta:
        """How long ledger and finished runs are kept; never under a hook's replay window."""
        return timedelta(days=self._whole("OPTIO_RETENTION_DAYS", 90, least=4, most=3650))

    def _whole(self, name: str, default: int, *, least: int, most: int) -> int:
        text = self.environment.get(name, "").strip()
        if not text:
            return default
        if not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
        return int(text)


settings = Settings(os.environ)
