"""Request models of triggers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib import wiring
from chalicelib.domain import cron, limits
from chalicelib.domain.errors import Fault, NotFound
from chalicelib.domain.sns_message import TOPIC_ARN
from chalicelib.domain.time_zones import parse_zone
from chalicelib.domain.webhook_senders import SENDERS
from chalicelib.domain.webhook_signatures import standard_key
from chalicelib.web.models.rules import Ruled, Sent
from chalicelib.web.models.types import (
    FILLED,
    Aware,
    EventName,
    Flag,
    Mapping,
    Model,
    Params,
    Query,
    Secret,
    Secrets,
    Signature,
    called,
    shown,
    text,
    told,
    whole,
)

Label = Annotated[str, text(limits.LABEL, 1), FILLED]


def _ends_after_it_starts(asked: Sent) -> Iterator[Fault]:
    if asked.start_at and asked.end_at and asked.end_at <= asked.start_at:
        yield Fault("endAt", "endAt must be later than startAt")


class ScheduleConfig(Ruled):
    rules = (_ends_after_it_starts,)
    cron_expression: Annotated[str, text(limits.CRON), told(cron.parse_cron), called("cron")]
    timezone: Annotated[str, text(limits.ZONE), told(parse_zone), called("time-zone")] = "UTC"
    overlap_policy: Literal["allow", "skip", "buffer_one", "cancel_other"] = "allow"
    catch_up_policy: Literal["one", "skip", "all"] = "one"
    jitter_seconds: Annotated[int, whole(0, 3600)] = 0
    start_at: Aware | None = None
    end_at: Aware | None = None


class ScheduleTrigger(Model):
    model_config = shown({"type": "schedule", "config": {"cronExpression": "0 9 * * mon"}})
    type: Literal["schedule"]
    config: ScheduleConfig
    param_mapping: Params | None = None
    enabled: Flag = True


TopicArn = Annotated[str, StringConstraints(pattern=TOPIC_ARN.pattern, max_length=limits.TOPIC_ARN)]
HookPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+$", max_length=limits.HOOK_PATH)
]


def _secrets(named: str | list[str] | None) -> list[str]:
    return [named] if isinstance(named, str) else named or []


def _signed(asked: Sent) -> Iterator[Fault]:
    kept = asked.was.hook.sealed if asked.was and asked.was.hook else ()
    sender = SENDERS[asked.signature]
    if sender.needs_secret and not (asked.secret or kept):
        yield Fault("secret", f"the signature {asked.signature!r} needs a secret")
    if sender.check is None and asked.secret:
        yield Fault("secret", f"the signature {asked.signature!r} uses no secret: leave this out")
    standard = asked.signature == "standard-webhooks"
    if standard and not all(map(standard_key, _secrets(asked.secret))):
        yield Fault("secret", "must be a Standard Webhooks secret: base64 with the prefix whsec_")


def _of_known_topics(asked: Sent) -> Iterator[Fault]:
    if asked.signature == "sns" and not asked.topic_arns:
        rule = "name the topics that may deliver, because anyone can create a topic in Amazon SNS"
        yield Fault("topicArns", rule)
    if asked.signature != "sns" and asked.topic_arns:
        yield Fault("topicArns", "is only allowed with the signature 'sns'")


class HookConfig(Ruled):
    rules = (_signed, _of_known_topics)
    path: HookPath
    secret: Secret | Secrets | None = None
    signature: Signature = "optio"
    filter: Query | None = None
    events: Annotated[list[EventName], Field(max_length=limits.EVENTS)] = []
    topic_arns: Annotated[list[TopicArn], Field(max_length=limits.TOPICS)] = []
    discard_verification_token: Flag = False

    @property
    def secrets(self) -> list[str]:
        """The named secrets; empty if the request leaves the stored ones unchanged."""
        return _secrets(self.secret)


class WebhookTrigger(Model):
    model_config = shown({"type": "webhook", "config": {"path": "deploys-of-acme"}})
    type: Literal["webhook"]
    config: HookConfig
    param_mapping: Mapping | None = None
    enabled: Flag = True


def _provided(asked: Sent) -> Iterator[Fault]:
    if not asked.provider_id:
        return
    try:
        found = wiring.world().providers.get(str(asked.provider_id))
    except NotFound as error:
        yield Fault("providerId", str(error))
        return
    if found.source != asked.source:
        told = f"this is a provider of {found.source}, not of {asked.source}"
        yield Fault("providerId", told)


class TicketConfig(Ruled):
    rules = (_provided,)
    source: Literal["github", "linear", "jira", "notion"]
    labels: Annotated[list[Label], Field(max_length=limits.LABELS)] = []
    provider_id: uuid.UUID | None = None
    include_backlog: Flag = False
    refire: Flag = False


class TicketTrigger(Model):
    model_config = shown({"type": "ticket", "config": {"source": "github", "labels": ["agent"]}})
    type: Literal["ticket"]
    config: TicketConfig
    param_mapping: Mapping | None = None
    enabled: Flag = True


class NoConfig(Model):
    pass


class ManualTrigger(Model):
    model_config = shown({"type": "manual"})
    type: Literal["manual"]
    config: NoConfig = NoConfig()
    param_mapping: Params | None = None
    enabled: Flag = True


AnyTrigger = Annotated[
    ScheduleTrigger | WebhookTrigger | TicketTrigger | ManualTrigger, Field(discriminator="type")
]


class NewTrigger(Model):
    """A wrapper that lets `type` select the model of a trigger."""

    trigger: AnyTrigger


class TriggerPatch(Model):
    model_config = shown({"enabled": False})
    config: Params | None = None
    param_mapping: Params | None = None
    enabled: Flag = True
