"""Reads the body of a delivery as declared: JSON, form fields, CloudEvents.

A body that cannot be read without guessing is rejected, so that no text is damaged silently. All of
this happens after the signature over the raw bytes was verified.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote

from chalicelib.domain import body_text, strict_json
from chalicelib.domain.errors import Invalid, NotJson
from chalicelib.domain.triggers.webhook_senders import Sender
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery

FORM_TYPE = "application/x-www-form-urlencoded"
CLOUD_EVENT_TYPE, CLOUD_EVENT_BATCH_TYPE = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
)
JSON_TYPES = ("", "application/json", "text/json", "text/plain")
"""Amazon SNS declares its JSON as plain text; a body without a type is usually JSON."""
CLOUD_EVENT_ATTRIBUTES = ("id", "source", "specversion", "type")
"""The required attributes of every CloudEvent."""


def read_payload(sender: Sender, delivery: InboundDelivery) -> object:
    """Return the content of a delivery, `{}` if it has no body.

    Raises `Invalid` for a body that is not what it declares, `NotJson` for a type, charset or
    encoding that is not supported, and `TooLarge` for one that decompresses to more than 1 MiB.
    """
    text = body_text.read_text(
        delivery.body,
        delivery.first_header("content-encoding"),
        delivery.first_header("content-type"),
    )
    if sender.is_cloud_event:
        return _read_cloud_event(delivery, text)
    payload = _parse_payload(sender, delivery.content_type, text) if text.strip() else {}
    if sender.wraps_event_in_list:
        return _unwrap_list(payload)
    return payload


def _parse_payload(sender: Sender, kind: str, text: str) -> object:
    if kind == FORM_TYPE:
        fields = _form_fields(text)
        if "payload" in fields:
            return strict_json.parse_json(fields["payload"])
        if sender.takes_plain_forms:
            return fields
        raise Invalid("a form needs a field `payload` that holds JSON", "payload")
    if kind not in JSON_TYPES and not kind.endswith("+json"):
        raise NotJson("send JSON, or a form with JSON in its field `payload`")
    payload: object = strict_json.parse_json(text)
    return payload


def _form_fields(text: str) -> dict[str, str]:
    try:
        fields = parse_qs(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Invalid("the form is not valid UTF-8") from None
    return {name: values[-1] for name, values in fields.items()}


def _unwrap_list(payload: object) -> object:
    if not isinstance(payload, list):
        return payload
    if len(payload) != 1:
        raise Invalid("deliver one event at a time: set the subscription's batch size to 1")
    return payload[0]


def _read_cloud_event(delivery: InboundDelivery, text: str) -> object:
    """Return a CloudEvent of either mode (structured or binary) in the shape of its JSON format."""
    if delivery.content_type == CLOUD_EVENT_BATCH_TYPE:
        raise NotJson("batches of CloudEvents are not supported: send one event in each request")
    if delivery.content_type == CLOUD_EVENT_TYPE:
        event: object = strict_json.parse_json(text)
    else:
        event = _binary_event(delivery, text)
    known_event = event if isinstance(event, dict) else {}
    missing = [
        name for name in CLOUD_EVENT_ATTRIBUTES if not isinstance(known_event.get(name), str)
    ]
    if missing:
        raise Invalid(f"this is not a CloudEvent: it has no {', '.join(missing)}", missing[0])
    return event


def _binary_event(delivery: InboundDelivery, text: str) -> dict[str, object]:
    event: dict[str, object] = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in delivery.headers.items()
        if name.startswith("ce-")
    }
    kind = delivery.content_type
    if not text.strip():
        return event
    event["datacontenttype"] = delivery.first_header("content-type") or "application/json"
    if kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        event["data"] = strict_json.parse_json(text)
    elif kind.startswith("text/"):
        event["data"] = text
    else:
        raise NotJson("the data of a CloudEvent must be JSON or text")
    return event


def unpack_message(payload: object) -> object:
    """Return an SNS notification with its `Message` parsed, if that is a JSON object."""
    if not isinstance(payload, dict) or not isinstance(payload.get("Message"), str):
        return payload
    text = payload["Message"]
    if not text.lstrip().startswith("{"):
        return payload
    try:
        message = strict_json.parse_json(text)
    except Invalid:
        return payload
    return {**payload, "Message": message}


def raw_text(delivery: InboundDelivery) -> str:
    """Return a body that could not be read, as JSON text for the record of its rejection."""
    return json.dumps(delivery.body.decode("utf-8", "backslashreplace"), ensure_ascii=False)
