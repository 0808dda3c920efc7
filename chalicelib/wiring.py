"""Connects adapters to ports, importing each on first use: the only place for late imports."""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING

from chalicelib.settings import settings

if TYPE_CHECKING:
    from chalicelib import ports


class LogHandler(logging.Handler):
    """The log of a function: JSON on standard output. The first line loads the formatter."""

    @cached_property
    def _formatter(self) -> logging.Formatter:
        from chalicelib.integrations.aws.log_format import make_formatter

        return make_formatter(settings.stage)

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)


def log_as_json() -> None:
    """Write the logs of our loggers and Chalice's as lines of JSON, with one handler each."""
    for name in ("chalicelib", "optio"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(LogHandler())
        logger.setLevel(logging.INFO)
        logger.propagate = False


class Wiring:
    """The real world: tables, queues and services of this stage."""

    @property
    def policy(self) -> ports.StagePolicy:
        return settings

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, span: timedelta) -> None:
        time.sleep(max(0.0, span.total_seconds()))

    def is_transient(self, error: Exception) -> bool:
        from chalicelib.integrations.failures import is_transient_failure

        return is_transient_failure(error)

    @cached_property
    def expressions(self) -> ports.Expressions:
        from chalicelib.integrations.expressions.engine import ExpressionEngine

        return ExpressionEngine()

    @cached_property
    def sns(self) -> ports.Sns:
        from chalicelib.integrations.aws.sns import SnsVerifier

        return SnsVerifier()

    @cached_property
    def encryption(self) -> ports.Encryption:
        from chalicelib.integrations.aws.encryption import StageEncryption

        return StageEncryption(settings.data_key, settings.region)

    @cached_property
    def metrics(self) -> ports.Metrics:
        from chalicelib.integrations.aws.metrics import EmbeddedMetrics

        return EmbeddedMetrics(settings.stage)

    @cached_property
    def markers(self) -> ports.Markers:
        from chalicelib.storage.markers import DynamoMarkers

        return DynamoMarkers()

    @cached_property
    def prompt_templates(self) -> ports.PromptTemplates:
        from chalicelib.storage.prompt_templates import DynamoPromptTemplates

        return DynamoPromptTemplates()

    @cached_property
    def blueprints(self) -> ports.Blueprints:
        from chalicelib.storage.blueprints import DynamoBlueprints

        return DynamoBlueprints()

    @cached_property
    def triggers(self) -> ports.Triggers:
        from chalicelib.storage.triggers import DynamoTriggers

        return DynamoTriggers()

    @cached_property
    def firings(self) -> ports.Firings:
        from chalicelib.storage.firings import DynamoFirings
        from chalicelib.storage.s3.blobs import Blobs

        return DynamoFirings(Blobs(settings.bucket, settings.region))

    @cached_property
    def runs(self) -> ports.Runs:
        from chalicelib.storage.runs.runs import DynamoRuns

        return DynamoRuns()

    @cached_property
    def slots(self) -> ports.Slots:
        from chalicelib.storage.runs.slots import DynamoSlots

        return DynamoSlots()

    @cached_property
    def run_sets(self) -> ports.RunSets:
        from chalicelib.storage.runs.run_sets import DynamoRunSets

        return DynamoRunSets()

    @cached_property
    def waiting_queues(self) -> ports.WaitingQueues:
        from chalicelib.storage.runs.waiting_queues import DynamoWaitingQueues

        return DynamoWaitingQueues()

    @cached_property
    def repos(self) -> ports.Repos:
        from chalicelib.storage.repos import DynamoRepos

        return DynamoRepos()

    @cached_property
    def providers(self) -> ports.Providers:
        from chalicelib.storage.providers import DynamoProviders

        return DynamoProviders()

    @cached_property
    def trackers(self) -> ports.Trackers:
        from chalicelib.integrations.trackers.registry import RealTrackers

        return RealTrackers()

    @cached_property
    def activity(self) -> ports.Activity:
        from chalicelib.storage.activity import DynamoActivity

        return DynamoActivity()

    @cached_property
    def counters(self) -> ports.Counters:
        from chalicelib.storage.counters import DynamoCounters

        return DynamoCounters()

    @cached_property
    def webhook_endpoints(self) -> ports.WebhookEndpoints:
        from chalicelib.storage.notifications.endpoints import DynamoWebhookEndpoints

        return DynamoWebhookEndpoints()

    @cached_property
    def deliveries(self) -> ports.Deliveries:
        from chalicelib.storage.notifications.deliveries import DynamoDeliveries

        return DynamoDeliveries()

    @cached_property
    def webhook_sender(self) -> ports.WebhookSender:
        from chalicelib.integrations.http.webhook_sender import GuardedWebhookSender

        return GuardedWebhookSender()

    @cached_property
    def secrets(self) -> ports.Secrets:
        from chalicelib.storage.secrets import DynamoSecrets

        return DynamoSecrets()

    @cached_property
    def vault(self) -> ports.Vault:
        from chalicelib.integrations.aws.secrets_manager import SecretsManager

        return SecretsManager(settings.secrets_prefix, settings.region, settings.kms_key)

    @cached_property
    def keys(self) -> ports.Keys:
        from chalicelib.storage.keys import DynamoKeys

        return DynamoKeys()

    @cached_property
    def forges(self) -> ports.Forges:
        from chalicelib.integrations.github.repository import GitHubForges

        return GitHubForges(self.now)

    @cached_property
    def fire_queue(self) -> ports.MessageQueue:
        from chalicelib.integrations.aws.sqs import SqsQueue

        return SqsQueue(settings.queue_name("fire"), settings.region)

    @cached_property
    def steps_queue(self) -> ports.MessageQueue:
        from chalicelib.integrations.aws.sqs import SqsQueue

        return SqsQueue(settings.queue_name("steps"), settings.region)

    @cached_property
    def remote_queue(self) -> ports.MessageQueue:
        from chalicelib.integrations.aws.sqs import SqsQueue

        return SqsQueue(settings.queue_name("remote"), settings.region)

    @cached_property
    def notify_queue(self) -> ports.MessageQueue:
        from chalicelib.integrations.aws.sqs import SqsQueue

        return SqsQueue(settings.queue_name("notify"), settings.region)

    @cached_property
    def notify_reader(self) -> ports.QueueReader:
        from chalicelib.integrations.aws.queue_reader import LambdaQueueReader

        return LambdaQueueReader(settings.notify_mapping, settings.region)

    @cached_property
    def builds(self) -> ports.Builds:
        from chalicelib.integrations.aws.codebuild import CodeBuilds

        return CodeBuilds(settings.build_project, settings.region)

    @cached_property
    def logs(self) -> ports.RunLogs:
        from chalicelib.integrations.aws.run_logs import CloudWatchLogs

        return CloudWatchLogs(settings.log_group, settings.region)

    @cached_property
    def outputs(self) -> ports.Outputs:
        from chalicelib.storage.s3.outputs import S3Outputs

        return S3Outputs(settings.bucket, settings.region)


@cache
def get_world() -> Wiring:
    """Return the world of this process, created on first use."""
    return Wiring()
