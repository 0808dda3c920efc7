"""Request models of triggers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.domain import limits
from chalicelib.domain.errors import Fault
from chalicelib.domain.triggers import cron
from chalicelib.domain.triggers.sns_message import TOPIC_ARN
from chalicelib.domain.triggers.time_zones import parse_zone
from chalicelib.domain.triggers.trigger import OnWebhook
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.domain.triggers.webhook_signatures import standard_key
from chalicelib.web.schemas.requests.cross_field_rules import ModelWithRules, Submitted
from chalicelib.web.schemas.requests.fields import (
    CHECK_FILLED,
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
    domain_check,
    int_between,
    openapi_format,
    schema_extra,
    str_length,
)

Label = Annotated[str, str_length(limits.MAX_LABEL_LENGTH, 1), CHECK_FILLED]


def _check_bounds(submitted: Submitted) -> Iterator[Fault]:
    if submitted.start_at and submitted.end_at and submitted.end_at <= submitted.start_at:
        yield Fault("endAt", "endAt must be later than startAt")


class ScheduleConfig(ModelWithRules):
    rules = (_check_bounds,)
    cron_expression: Annotated[
        str,
        str_length(limits.MAX_CRON_LENGTH),
        domain_check(cron.parse_cron),
        openapi_format("cron"),
    ]
    timezone: Annotated[
        str,
        str_length(limits.MAX_ZONE_LENGTH),
        domain_check(parse_zone),
        openapi_format("time-zone"),
    ] = "UTC"
    overlap_policy: Literal["allow", "skip", "buffer_one", "cancel_other"] = "allow"
    catch_up_policy: Literal["one", "skip", "all"] = "one"
    jitter_seconds: Annotated[int, int_between(0, 3600)] = 0
    start_at: Aware | None = None
    end_at: Aware | None = None


class ScheduleTrigger(Model):
    model_config = schema_extra({"type": "schedule", "config": {"cronExpression": "0 9 * * mon"}})
    type: Literal["schedule"]
    config: ScheduleConfig
    param_mapping: Params | None = None
    enabled: Flag = True


TopicArn = Annotated[
    str, StringConstraints(pattern=TOPIC_ARN.pattern, max_length=limits.MAX_TOPIC_ARN_LENGTH)
]
HookPath = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+$", max_length=limits.MAX_WEBHOOK_PATH_LENGTH)
]


def _as_list(values: str | list[str] | None) -> list[str]:
    return [values] if isinstance(values, str) else values or []


def _check_secret(submitted: Submitted) -> Iterator[Fault]:
    sealed = submitted.was.webhook.sealed if isinstance(submitted.was, OnWebhook) else ()
    sender = SENDERS[submitted.signature]
    if sender.needs_secret and not (submitted.secret or sealed):
        yield Fault("secret", f"the signature {submitted.signature!r} needs a secret")
    if sender.check is None and submitted.secret:
        yield Fault(
            "secret", f"the signature {submitted.signature!r} uses no secret: leave this out"
        )
    standard = submitted.signature == "standard-webhooks"
    if standard and not all(map(standard_key, _as_list(submitted.secret))):
        yield Fault("secret", "must be a Standard Webhooks secret: base64 with the prefix whsec_")


def _check_topics(submitted: Submitted) -> Iterator[Fault]:
    if submitted.signature == "sns" and not submitted.topic_arns:
        rule = "name the topics that may deliver, because anyone can create a topic in Amazon SNS"
        yield Fault("topicArns", rule)
    if submitted.signature != "sns" and submitted.topic_arns:
        yield Fault("topicArns", "is only allowed with the signature 'sns'")


class HookConfig(ModelWithRules):
    rules = (_check_secret, _check_topics)
    path: HookPath
    secret: Secret | Secrets | None = None
    signature: Signature = "optio"
    filter: Query | None = None
    events: Annotated[list[EventName], Field(max_length=limits.MAX_EVENTS)] = []
    topic_arns: Annotated[list[TopicArn], Field(max_length=limits.MAX_TOPICS)] = []
    discard_verification_token: Flag = False

    @property
    def named_secrets(self) -> list[str]:
        """The named secrets; empty if the request leaves the stored ones unchanged."""
        return _as_list(self.secret)


class WebhookTrigger(Model):
    model_config = schema_extra({"type": "webhook", "config": {"path": "deploys-of-acme"}})
    type: Literal["webhook"]
    config: HookConfig
    param_mapping: Mapping | None = None
    enabled: Flag = True


class TicketConfig(Model):
    source: Literal["github", "linear", "jira", "notion"]
    labels: Annotated[list[Label], Field(max_length=limits.MAX_LABELS)] = []
    provider_id: uuid.UUID | None = None
    include_backlog: Flag = False
    refire: Flag = False


class TicketTrigger(Model):
    model_config = schema_extra(
        {"type": "ticket", "config": {"source": "github", "labels": ["agent"]}}
    )
    type: Literal["ticket"]
    config: TicketConfig
    param_mapping: Mapping | None = None
    enabled: Flag = True


class NoConfig(Model):
    pass


class ManualTrigger(Model):
    model_config = schema_extra({"type": "manual"})
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
    model_config = schema_extra({"enabled": False})
    config: Params | None = None
    param_mapping: Params | None = None
    enabled: Flag = True
