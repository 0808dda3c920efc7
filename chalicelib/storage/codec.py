"""How a row's text is read and written: typed JSON, moments that sort, compressed briefs."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec

from chalicelib.settings import settings

T = TypeVar("T")
_encoder = msgspec.json.Encoder()


def dump(thing: object) -> str:
    """Return a domain object as JSON text."""
    return _encoder.encode(thing).decode()


def load(kind: type[T], text: str) -> T:
    """Return the domain object that `dump` wrote."""
    decoded: T = _decoder(kind).decode(text)  # type: ignore[arg-type]
    return decoded


@cache
def _decoder(kind: Any) -> Any:
    return msgspec.json.Decoder(kind)


def pack(thing: object) -> bytes:
    """Return a domain object as compressed JSON."""
    return zlib.compress(_encoder.encode(thing), 6)


def unpack(kind: type[T], packed: bytes) -> T:
    """Return the domain object that `pack` wrote."""
    decoded: T = _decoder(kind).decode(zlib.decompress(packed))  # type: ignore[arg-type]
    return decoded


def sortable(moment: datetime) -> str:
    """Return a moment as text of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """Return the moment that `sortable` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def shard(key: str) -> str:
    """Return the part of a write-sharded index that a row lives in."""
    return str(zlib.crc32(key.encode()) % settings.shards)


def age(created_at: datetime, key: str) -> str:
    """Return the sort key of lists: creation time, then id, so that it is unique."""
    return f"{sortable(created_at)}#{key}"
