"""Encoding of rows: typed JSON, sortable times, compressed briefs."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from chalicelib.domain.page import SORTABLE_FORMAT
from chalicelib.settings import settings

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_RENAMED = {
    "definition_id": "blueprint_id",
    "definition_kind": "blueprint_kind",
    "definition_name": "blueprint_name",
    "hook": "webhook",
}
"""Fields of rows that older versions wrote, with the names that they have now."""


def dump_json(
    domain_object: object,
    *,
    without: Collection[str] = (),
    extra: Mapping[str, object] | None = None,
) -> str:
    """Return a domain object as JSON text, except the fields `without`, which have defaults.

    `extra` are values that are not fields of the object. Fields with their default value are
    omitted, because each kilobyte of a new run is paid for in its row and in every index that
    contains it. Defaults of stored fields must therefore never change.
    """
    kind: Any = type(domain_object)
    known_fields = _fields_of(kind)
    values = {
        name: value
        for name, default in known_fields
        if name not in without and (value := getattr(domain_object, name)) != default
    }
    return _encoder.encode({**values, **(extra or {})} if known_fields else domain_object).decode()


@cache
def _fields_of(kind: Any) -> tuple[tuple[str, object], ...]:
    """Return the fields of a dataclass with their defaults; none for other types."""
    return (
        tuple((field.name, field.default) for field in fields(kind)) if is_dataclass(kind) else ()
    )


def load_json(kind: type[T], text: str) -> T:
    """Return the domain object that `dump_json` encoded."""
    if '"definition_' in text or '"hook":' in text:
        text = _rename_fields(kind, text)
    decoded: T = _decoder_of(kind).decode(text)  # type: ignore[arg-type]
    return decoded


def _rename_fields(kind: Any, text: str) -> str:
    """Return the text of a row with its older field names replaced by those of today."""
    row, current = msgspec.json.decode(text), {name for name, _ in _fields_of(kind)}
    if not isinstance(row, dict):
        return text
    renamed = {
        _RENAMED[name] if _RENAMED.get(name) in current else name: value
        for name, value in row.items()
    }
    return _encoder.encode(renamed).decode()


@cache
def _decoder_of(kind: Any) -> Any:
    return msgspec.json.Decoder(kind)


def pack_json(domain_object: object) -> bytes:
    """Return a domain object as compressed JSON."""
    return zlib.compress(_encoder.encode(domain_object), 6)


def unpack_json(kind: type[T], packed: bytes) -> T:
    """Return the domain object that `pack_json` encoded."""
    decoded: T = _decoder_of(kind).decode(zlib.decompress(packed))  # type: ignore[arg-type]
    return decoded


def format_sortable(moment: datetime) -> str:
    """Return a time as text of fixed width in UTC, whose text order is time order."""
    return moment.astimezone(UTC).strftime(SORTABLE_FORMAT)


def parse_sortable(text: str) -> datetime:
    """Return the time that `format_sortable` encoded."""
    return datetime.strptime(text, SORTABLE_FORMAT).replace(tzinfo=UTC)


def shard_of(key: str) -> str:
    """Return the partition of a sharded index that a row belongs to."""
    return str(zlib.crc32(key.encode()) % settings.shards)
