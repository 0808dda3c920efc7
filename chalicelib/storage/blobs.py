"""What is too big for a row goes to S3; the row then holds its key."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from chalicelib import aws

INLINE = 64 * 1024
_HERE, _THERE = b"\x00", b"\x01"


class Blobs:
    """Bytes of any size, kept in the row up to 64 KB and in a bucket beyond."""

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._region = region

    @cached_property
    def _s3(self) -> Any:
        return aws.client("s3", region_name=self._region)

    def keep(self, key: str, content: bytes) -> bytes:
        """Return what the row keeps of `content`; written before the row, so orphans can be."""
        if len(content) <= INLINE:
            return _HERE + content
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        return _THERE + key.encode()

    def renew(self, kept: bytes) -> None:
        """Write content again that lies in the bucket, where its age decides when it goes."""
        if kept[:1] == _THERE:
            key = kept[1:].decode()
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=self.fetch(kept))

    def fetch(self, kept: bytes) -> bytes:
        """Return the content behind what `keep` returned."""
        if kept[:1] == _HERE:
            return kept[1:]
        answer = self._s3.get_object(Bucket=self._bucket, Key=kept[1:].decode())
        content: bytes = answer["Body"].read()
        return content
