"""Known senders of webhooks, as data; `docs/guides/webhooks.md` contains the same table.

Each entry follows the sender's own documentation: its signature, the ids of deliveries and events,
its address tests, the expected status, and whether it retries the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.triggers import webhook_signatures as signatures
from chalicelib.domain.triggers.webhook_signatures import SignatureCheck

MAX_RETRY_PERIOD = timedelta(hours=24)
"""The maximum age of a delivery that is identified by its bytes alone. It is longer than any sender
retries, and much shorter than its firing is kept, which detects a replay.
"""


@dataclass(frozen=True, kw_only=True)
class SenderChallenge:
    """A request that tests an address, answered without firing.

    It is recognised by `path`, which contains `value` (or any text if that is empty). The response
    has one field, `answer`, with the text found at `echo`. A challenge that is not `signed` is
    answered to every caller: the response repeats the request, and grants nothing.
    """

    path: str
    value: str
    answer: str
    echo: str
    signed: bool = True


@dataclass(frozen=True, kw_only=True)
class Sender:
    """One kind of webhook sender. Paths lead through the parsed body, separated by dots.

    `check` is None if the sender signs without a shared secret. `named_by_bytes` means that a
    delivery is identified by its body, because no other identifier is signed. `ids_span_events`
    means that several events may share one id. `pings` are the names of events that only test the
    address. `max_age` limits the age of the time at `sent_path`.
    """

    label: str
    scheme: str
    check: SignatureCheck | None
    id_headers: tuple[str, ...] = ()
    id_paths: tuple[str, ...] = ()
    named_by_bytes: bool = False
    ids_span_events: bool = False
    event_headers: tuple[str, ...] = ()
    event_paths: tuple[str, ...] = ()
    action_path: str = ""
    sent_path: str = ""
    max_age: timedelta = signatures.TIMESTAMP_TOLERANCE
    timestamp_signed: bool = False
    success_status: int = 202
    pings: tuple[str, ...] = ()
    ping_fields: tuple[str, ...] = ()
    challenge: SenderChallenge | None = None
    offers_token: bool = False
    answers_options: bool = False
    takes_plain_forms: bool = False
    is_cloud_event: bool = False
    wraps_event_in_list: bool = False
    secret_optional: bool = False
    notes: str = ""

    @property
    def needs_secret(self) -> bool:
        """Return whether a trigger of this sender requires a secret."""
        return self.check is not None and not self.secret_optional


OWN_ID_HEADERS = ("x-optio-delivery", "idempotency-key")
SENDERS: Mapping[str, Sender] = {
    "optio": Sender(
        label="Optio",
        scheme="`X-Optio-Signature`: hex HMAC-SHA256 of the body, `sha256=` before it or not",
        check=signatures.check_hex("x-optio-signature", prefix="sha256=", prefix_optional=True),
        id_headers=OWN_ID_HEADERS,
        event_headers=("x-optio-event",),
        secret_optional=True,
        notes="Without a secret the path itself is the secret; a path that can be guessed causes a "
        "warning.",
    ),
    "github": Sender(
        label="GitHub",
        scheme="`X-Hub-Signature-256`: hex HMAC-SHA256 of the body after `sha256=`",
        check=signatures.check_hex("x-hub-signature-256", prefix="sha256="),
        id_headers=("x-github-delivery",),
        event_headers=("x-github-event",),
        action_path="action",
        pings=("ping",),
    ),
    "gitlab": Sender(
        label="GitLab",
        scheme="`X-Gitlab-Token` equals the secret, or a signing token (`webhook-signature`)",
        check=signatures.check_gitlab,
        id_headers=("idempotency-key", "webhook-id", "x-gitlab-event-uuid"),
        ids_span_events=True,
        event_headers=("x-gitlab-event",),
        event_paths=("object_kind", "event_name"),
        action_path="object_attributes.action",
    ),
    "bitbucket": Sender(
        label="Bitbucket",
        scheme="`X-Hub-Signature`: hex HMAC-SHA256 of the body after `sha256=`",
        check=signatures.check_hex("x-hub-signature", prefix="sha256="),
        id_headers=("x-request-uuid", "x-request-id"),
        event_headers=("x-event-key",),
        pings=("diagnostics:ping",),
        notes="Bitbucket Cloud and Data Center.",
    ),
    "gitea": Sender(
        label="Gitea and Forgejo",
        scheme="`X-Gitea-Signature` or `X-Forgejo-Signature`: hex HMAC-SHA256 of the body",
        check=signatures.check_hex("x-gitea-signature", "x-forgejo-signature"),
        id_headers=("x-gitea-delivery", "x-forgejo-delivery"),
        event_headers=("x-gitea-event", "x-forgejo-event"),
        action_path="action",
    ),
    "azure-devops": Sender(
        label="Azure DevOps",
        scheme="HTTP Basic authentication whose password equals the secret",
        check=signatures.check_basic,
        id_paths=("id",),
        event_paths=("eventType",),
    ),
    "sentry": Sender(
        label="Sentry",
        scheme="`Sentry-Hook-Signature`: hex HMAC-SHA256 of the body",
        check=signatures.check_hex("sentry-hook-signature"),
        id_headers=("request-id",),
        event_headers=("sentry-hook-resource",),
        action_path="action",
        pings=("installation",),
    ),
    "linear": Sender(
        label="Linear",
        scheme="`Linear-Signature`: hex HMAC-SHA256 of the body",
        check=signatures.check_hex("linear-signature"),
        named_by_bytes=True,
        event_headers=("linear-event",),
        event_paths=("type",),
        action_path="action",
        sent_path="webhookTimestamp",
        max_age=MAX_RETRY_PERIOD,
        success_status=200,
        notes="Retries repeat the same bytes up to six hours later.",
    ),
    "jira": Sender(
        label="Jira",
        scheme="`X-Hub-Signature`: hex HMAC-SHA256 of the body after `sha256=`",
        check=signatures.check_hex("x-hub-signature", prefix="sha256="),
        id_headers=("x-atlassian-webhook-identifier", "x-request-uuid"),
        event_headers=("x-event-key",),
        event_paths=("webhookEvent",),
    ),
    "stripe": Sender(
        label="Stripe",
        scheme="`Stripe-Signature`: a timestamp and hex HMAC-SHA256 over it and the body",
        check=signatures.check_stripe,
        id_paths=("id",),
        event_paths=("type",),
        timestamp_signed=True,
    ),
    "slack": Sender(
        label="Slack",
        scheme="`X-Slack-Signature`: hex HMAC-SHA256 over a timestamp and the body",
        check=signatures.check_slack,
        id_paths=("event_id", "trigger_id"),
        event_paths=("event.type", "type", "command"),
        timestamp_signed=True,
        success_status=200,
        ping_fields=("ssl_check",),
        challenge=SenderChallenge(
            path="type", value="url_verification", answer="challenge", echo="challenge"
        ),
        takes_plain_forms=True,
    ),
    "pagerduty": Sender(
        label="PagerDuty",
        scheme="`X-PagerDuty-Signature`: a list of `v1=` and hex HMAC-SHA256 of the body",
        check=signatures.check_pagerduty,
        id_paths=("event.id",),
        event_paths=("event.event_type",),
        pings=("pagey.ping",),
    ),
    "standard-webhooks": Sender(
        label="Standard Webhooks",
        scheme="`webhook-signature` (or Svix's headers): base64 HMAC-SHA256 over id, timestamp "
        "and body",
        check=signatures.check_standard,
        id_headers=("webhook-id", "svix-id"),
        event_paths=("type",),
        timestamp_signed=True,
        notes="The secret is base64, with `whsec_` before it.",
    ),
    "notion": Sender(
        label="Notion",
        scheme="`X-Notion-Signature`: hex HMAC-SHA256 of the body after `sha256=`",
        check=signatures.check_hex("x-notion-signature", prefix="sha256="),
        id_paths=("id",),
        event_paths=("type",),
        offers_token=True,
        secret_optional=True,
        notes="Without a secret it waits for Notion's `verification_token`. The first that comes "
        "stays, and admins alone see it, until it is set as the secret or discarded.",
    ),
    "sns": Sender(
        label="Amazon SNS",
        scheme="RSA signature of versions 1 and 2, by a certificate of "
        "`sns.<region>.amazonaws.com`; only the topics in `topicArns`",
        check=None,
        id_paths=("MessageId",),
        event_paths=("Type",),
        sent_path="Timestamp",
        max_age=MAX_RETRY_PERIOD,
        pings=("unsubscribeconfirmation",),
        notes="It has no secret. Subscriptions of the topics in `topicArns` are confirmed. Raw "
        "message delivery is not signed and is refused. A `Message` that is a JSON object arrives "
        "as that object.",
    ),
    "cloudevents": Sender(
        label="CloudEvents",
        scheme="`Authorization: Bearer` or `X-Optio-Token` equals the secret",
        check=signatures.check_token,
        id_paths=("source", "id"),
        event_paths=("type",),
        answers_options=True,
        is_cloud_event=True,
        notes="Structured and binary mode; a batch is a 415. The params are the event with its "
        "`data` in both modes.",
    ),
    "eventgrid": Sender(
        label="Azure Event Grid",
        scheme="`Authorization: Bearer` or `X-Optio-Token` equals the secret, as a delivery "
        "property of the subscription",
        check=signatures.check_token,
        id_paths=("id",),
        event_paths=("eventType",),
        challenge=SenderChallenge(
            path="eventType",
            value="Microsoft.EventGrid.SubscriptionValidationEvent",
            answer="validationResponse",
            echo="data.validationCode",
            signed=False,
        ),
        wraps_event_in_list=True,
        notes="The Event Grid schema, one event in each delivery; for the CloudEvents schema use "
        "`cloudevents`.",
    ),
    "token": Sender(
        label="A bearer token",
        scheme="`Authorization: Bearer` or `X-Optio-Token` equals the secret",
        check=signatures.check_token,
        id_headers=OWN_ID_HEADERS,
        event_headers=("x-optio-event",),
    ),
}
"""All senders by their `signature` value."""
