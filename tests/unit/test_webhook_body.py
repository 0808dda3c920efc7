"""Bodies are read as they are declared, also those that a gateway has decompressed."""

from __future__ import annotations

import codecs
import gzip
import json

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.body_text import KNOWN_CHARSETS
from chalicelib.domain.errors import Invalid, NotJson
from chalicelib.domain.triggers.webhook_body import read_payload
from chalicelib.domain.triggers.webhook_senders import SENDERS
from chalicelib.domain.triggers.webhook_signatures import InboundDelivery

OPTIO = SENDERS["optio"]
LABELS = ("utf-8", "UTF8", "us-ascii", "iso-8859-1", "latin1", "windows-1252", "utf-16", "utf-16be")


def delivery(body: bytes, **headers: str) -> InboundDelivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundDelivery(headers=named, body=body)


@given(st.text(max_size=40), st.sampled_from(LABELS), st.booleans(), st.booleans())
def test_a_text_arrives_as_it_was_or_is_refused(
    text: str, charset: str, marked: bool, zipped: bool
):
    try:
        body = json.dumps({"text": text}, ensure_ascii=False).encode(charset)
    except UnicodeEncodeError:
        return
    if marked and codecs.lookup(charset).name == "utf-8":
        body = codecs.BOM_UTF8 + body
    headers = {"content_type": f"application/json; charset={charset}"}
    if zipped:
        headers["content_encoding"] = "gzip"
        assert read_payload(OPTIO, delivery(gzip.compress(body), **headers)) == {"text": text}
    # The gateway of AWS decompresses a body, and passes on that it was compressed.
    assert read_payload(OPTIO, delivery(body, **headers)) == {"text": text}


@given(st.binary(max_size=60), st.sampled_from(["", "gzip", "br"]), st.text(max_size=12))
def test_no_bytes_and_no_declaration_bring_another_error(body: bytes, encoding: str, charset: str):
    headers = {"content_type": f"text/plain; charset={charset}", "content_encoding": encoding}
    for sender in SENDERS.values():
        try:
            read_payload(sender, delivery(body, **headers))
        except (Invalid, NotJson):
            continue


def test_every_charset_that_is_read_is_one_of_pythons_text_encodings():
    for name in KNOWN_CHARSETS:
        assert codecs.lookup(name).name == name
        assert "{}".encode(name).decode(name) == "{}"
