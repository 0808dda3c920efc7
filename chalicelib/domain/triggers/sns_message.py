"""Messages of Amazon SNS: the text that is signed, and the hosts that are trusted.

After the AWS guide "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.domain.errors import InvalidSignature

NOTIFICATION_FIELDS = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION_FIELDS = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
SIGNED_FIELDS = {
    "Notification": NOTIFICATION_FIELDS,
    "SubscriptionConfirmation": CONFIRMATION_FIELDS,
    "UnsubscribeConfirmation": CONFIRMATION_FIELDS,
}
TOPIC_ARN = re.compile(
    r"^arn:aws(-cn|-us-gov)?:sns:([a-z0-9-]{3,32}):\d{12}:[A-Za-z0-9_.-]{1,261}$"
)
_CERTIFICATE_PATH = re.compile(r"^/SimpleNotificationService-[0-9a-f]{16,64}\.pem$")
_SUFFIXES = {None: "amazonaws.com", "-us-gov": "amazonaws.com", "-cn": "amazonaws.com.cn"}


@dataclass(frozen=True, kw_only=True)
class SignedMessage:
    """A message with everything that its verification needs; none of it is verified yet."""

    text: bytes
    signature: str
    version: str
    certificate_url: str


def read_signed_message(payload: object, topics: tuple[str, ...]) -> SignedMessage:
    """Return the signed parts of a message from one of these topics, or raise
    `InvalidSignature`.
    """
    if not isinstance(payload, Mapping):
        raise InvalidSignature("this is not a message of Amazon SNS")
    fields = SIGNED_FIELDS.get(str(payload.get("Type")))
    if fields is None or any(
        not isinstance(payload.get(name), str) for name in fields if name != "Subject"
    ):
        raise InvalidSignature(
            "this is not a message of Amazon SNS; raw message delivery is not signed"
        )
    if payload["TopicArn"] not in topics:
        raise InvalidSignature("this topic is not among the topicArns of the webhook")
    url = payload.get("SigningCertURL")
    if not is_certificate_url(url, payload["TopicArn"]):
        raise InvalidSignature("the SigningCertURL is not one of Amazon SNS in the topic's region")
    return SignedMessage(
        text=_text_to_sign(payload, fields),
        signature=str(payload.get("Signature")),
        version=str(payload.get("SignatureVersion")),
        certificate_url=str(url),
    )


def _text_to_sign(payload: Mapping[str, Any], fields: tuple[str, ...]) -> bytes:
    lines = [f"{name}\n{payload[name]}\n" for name in fields if isinstance(payload.get(name), str)]
    return "".join(lines).encode("utf-8", "surrogatepass")


def is_certificate_url(url: object, topic: str) -> bool:
    """Return whether a URL names a certificate of Amazon SNS in the region of a topic."""
    parts = _split_sns_url(url, topic)
    return parts is not None and bool(_CERTIFICATE_PATH.match(parts.path)) and not parts.query


def confirmation_url(payload: Mapping[str, Any]) -> str | None:
    """Return the URL that confirms a verified subscription, None if it is not safe to call."""
    url, topic = payload.get("SubscribeURL"), str(payload.get("TopicArn"))
    parts = _split_sns_url(url, topic)
    if parts is None or parts.path not in ("", "/"):
        return None
    query = parse_qs(parts.query)
    is_confirmation = query.get("Action") == ["ConfirmSubscription"] and query.get("TopicArn") == [
        topic
    ]
    return str(url) if is_confirmation else None


def _split_sns_url(url: object, topic: str) -> Any:
    topic_match = TOPIC_ARN.match(topic)
    if topic_match is None or not isinstance(url, str) or not url.isascii() or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = f"sns.{topic_match[2]}.{_SUFFIXES[topic_match[1]]}"
    # Compared as a whole: no port, no user and no other spelling of the host is accepted.
    return parts if parts.scheme == "https" and parts.netloc == host else None
