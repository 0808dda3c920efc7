"""Reads the body of a delivery as declared: compression, charset, byte order mark, form fields.

A body that cannot be read without guessing is rejected, so that no text is damaged silently. All of
this happens after the signature over the raw bytes was verified.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from urllib.parse import parse_qs, unquote

from chalicelib.domain import limits, strict_json
from chalicelib.domain.errors import Invalid, NotJson, TooLarge
from chalicelib.domain.triggers.webhook_senders import Sender
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery

FORM_TYPE = "application/x-www-form-urlencoded"
CLOUD_EVENT_TYPE, CLOUD_EVENT_BATCH_TYPE = (
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
)
JSON_TYPES = ("", "application/json", "text/json", "text/plain")
"""Amazon SNS declares its JSON as plain text; a body without a type is usually JSON."""
GZIP_ENCODINGS = ("gzip", "x-gzip")
KNOWN_CHARSETS = (
    *("utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"),
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
)
"""Python's names of the accepted charsets; each has several aliases."""
CLOUD_EVENT_ATTRIBUTES = ("id", "source", "specversion", "type")
"""The required attributes of every CloudEvent."""
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]{1,100})", re.IGNORECASE)
_REPLACED = "\ufffd".encode()


def read_payload(sender: Sender, delivery: InboundDelivery) -> object:
    """Return the content of a delivery, `{}` if it has no body.

    Raises `Invalid` for a body that is not what it declares, `NotJson` for a type, charset or
    encoding that is not supported, and `TooLarge` for one that decompresses to more than 1 MiB.
    """
    text = _decode_text(_decompress(delivery), delivery)
    if sender.is_cloud_event:
        return _read_cloud_event(delivery, text)
    payload = _parse_payload(sender, delivery.content_type, text) if text.strip() else {}
    if sender.wraps_event_in_list:
        return _unwrap_list(payload)
    return payload


def _decompress(delivery: InboundDelivery) -> bytes:
    encoding = delivery.first_header("content-encoding").strip().lower()
    if encoding in ("", "identity"):
        return delivery.body
    if encoding not in GZIP_ENCODINGS:
        shown = encoding[:40]
        raise NotJson(f"the Content-Encoding {shown!r} is not supported: send gzip, or no encoding")
    _check_undamaged(delivery, "compressed bodies")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = unpacker.decompress(delivery.body, limits.MAX_BODY_BYTES + 1)
    except zlib.error:
        raise Invalid("the body is not gzip, although its Content-Encoding is gzip") from None
    if len(body) > limits.MAX_BODY_BYTES:
        raise TooLarge("a decompressed delivery may have at most 1 MiB")
    if not unpacker.eof:
        raise Invalid("the gzip body is incomplete")
    return body


def _decode_text(body: bytes, delivery: InboundDelivery) -> str:
    declared = _declared_charset(delivery)
    try:
        name = codecs.lookup(declared).name if declared else "utf-8"
    except (LookupError, ValueError):
        name = ""
    if name not in KNOWN_CHARSETS:
        raise NotJson(f"the charset {declared[:40]!r} is not supported: send UTF-8")
    if name not in ("utf-8", "ascii"):
        _check_undamaged(delivery, f"bodies in {declared}")
    try:
        return body.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise Invalid(f"the body is not valid {declared or 'UTF-8'}") from None


def _declared_charset(delivery: InboundDelivery) -> str:
    charset_match = _CHARSET.search(delivery.first_header("content-type"))
    return charset_match[1] if charset_match else ""


def is_damaged(delivery: InboundDelivery) -> bool:
    """Return whether the gateway probably replaced bytes of a body that it passed on as text."""
    return not delivery.is_base64 and _REPLACED in delivery.body


def _check_undamaged(delivery: InboundDelivery, what: str) -> None:
    if is_damaged(delivery):
        raise NotJson(f"the gateway of this stage damages {what}: send plain UTF-8")


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
