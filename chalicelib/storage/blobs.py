"""Large values are stored in S3; their row then contains the key."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from chalicelib import aws

INLINE = 64 * 1024
_HERE, _THERE = b"\x00", b"\x01"


class Blobs:
    """Bytes of any size: in the row up to 64 KB, otherwise in a bucket."""

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._region = region

    @cached_property
    def _s3(self) -> Any:
        return aws.client("s3", region_name=self._region)

    def keep(self, key: str, content: bytes) -> bytes:
        """Return the bytes for the row of `content`; large content goes to the bucket first.

        If the row is never written, an orphaned object remains.
        """
        if len(content) <= INLINE:
            return _HERE + content
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        return _THERE + key.encode()

    def renew(self, kept: bytes) -> None:
        """Write content in the bucket again: its expiry depends on its age."""
        if kept[:1] == _THERE:
            key = kept[1:].decode()
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=self.fetch(kept))

    def fetch(self, kept: bytes) -> bytes:
        """Return the content for the bytes that `keep` returned."""
        if kept[:1] == _HERE:
            return kept[1:]
        answer = self._s3.get_object(Bucket=self._bucket, Key=kept[1:].decode())
        content: bytes = answer["Body"].read()
        return content
