"""Encoding of rows: typed JSON, sortable times, compressed briefs."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from chalicelib.settings import settings

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_AGE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#.+", re.ASCII)


def dump(thing: object, *, without: Collection[str] = ()) -> str:
    """Return a domain object as JSON text, except the fields `without`, which have defaults.

    Fields with their default value are omitted, because each kilobyte of a new run is paid for in
    its row and in every index that contains it. Defaults of stored fields must therefore never
    change.
    """
    kind: Any = type(thing)
    known = _fields(kind)
    said = {
        name: value
        for name, default in known
        if name not in without and (value := getattr(thing, name)) != default
    }
    return _encoder.encode(said if known else thing).decode()


@cache
def _fields(kind: Any) -> tuple[tuple[str, object], ...]:
    """Return the fields of a dataclass with their defaults; none for other types."""
    return tuple((one.name, one.default) for one in fields(kind)) if is_dataclass(kind) else ()


def load(kind: type[T], text: str) -> T:
    """Return the domain object that `dump` encoded."""
    decoded: T = _decoder(kind).decode(text)  # type: ignore[arg-type]
    return decoded


@cache
def _decoder(kind: Any) -> Any:
    return msgspec.json.Decoder(kind)


def pack(thing: object) -> bytes:
    """Return a domain object as compressed JSON."""
    return zlib.compress(_encoder.encode(thing), 6)


def unpack(kind: type[T], packed: bytes) -> T:
    """Return the domain object that `pack` encoded."""
    decoded: T = _decoder(kind).decode(zlib.decompress(packed))  # type: ignore[arg-type]
    return decoded


def sortable(moment: datetime) -> str:
    """Return a time as text of fixed width in UTC, whose text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """Return the time that `sortable` encoded."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def shard(key: str) -> str:
    """Return the partition of a sharded index that a row belongs to."""
    return str(zlib.crc32(key.encode()) % settings.shards)


def age(created_at: datetime, key: str) -> str:
    """Return the sort key of lists: creation time, then id, which makes it unique."""
    return f"{sortable(created_at)}#{key}"


def is_age(text: str) -> bool:
    """Return whether `age` can have produced a text."""
    return _AGE.fullmatch(text) is not None
