"""Large values are stored in S3; their row then contains the key."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from chalicelib import aws_session

MAX_INLINE_BYTES = 64 * 1024
_HERE, _THERE = b"\x00", b"\x01"


class Blobs:
    """Bytes of any size: in the row up to 64 KB, otherwise in a bucket."""

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._region = region

    @cached_property
    def _s3(self) -> Any:
        return aws_session.make_client("s3", region_name=self._region)

    def store_content(self, key: str, content: bytes) -> bytes:
        """Return the bytes for the row of `content`; large content goes to the bucket first.

        If the row is never written, an orphaned object remains.
        """
        if len(content) <= MAX_INLINE_BYTES:
            return _HERE + content
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        return _THERE + key.encode()

    def renew_content(self, stored: bytes) -> None:
        """Write content in the bucket again: its expiry depends on its age."""
        if stored[:1] == _THERE:
            key = stored[1:].decode()
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=self.fetch_content(stored))

    def fetch_content(self, stored: bytes) -> bytes:
        """Return the content for the bytes that `store_content` returned."""
        if stored[:1] == _HERE:
            return stored[1:]
        answer = self._s3.get_object(Bucket=self._bucket, Key=stored[1:].decode())
        content: bytes = answer["Body"].read()
        return content
