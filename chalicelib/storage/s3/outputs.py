"""Output files of agents in the stage's bucket, where they expire with their runs.

Neither files nor credentials pass through the service: runners and readers get URLs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

from botocore.config import Config

from chalicelib import aws_session
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.output import RunOutput

KEY_PREFIX = "outputs/"
"""The prefix is named in the bucket's expiry rule."""
UPLOAD_LIFETIME, DOWNLOAD_LIFETIME = timedelta(minutes=15), timedelta(minutes=5)


class S3Outputs:
    """Signed URLs of files: the size and the type of an upload are part of its signature."""

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._region = region

    @cached_property
    def _s3(self) -> Any:
        # Uses the bucket's own region. S3 redirects from the global host while a bucket is new, and
        # always for a new region; the signature for the first host is not valid there.
        config = Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            s3={"addressing_style": "virtual"},
        )
        return aws_session.make_client("s3", region_name=self._region, config=config)

    def upload_url(self, run_id: RunId, attempt: int, output: RunOutput) -> str:
        """Return a URL for uploading exactly this file."""
        says = {"ContentLength": output.size, "ContentType": output.content_type}
        return self._sign_url("put_object", UPLOAD_LIFETIME, run_id, attempt, output, says)

    def download_url(self, run_id: RunId, attempt: int, output: RunOutput) -> str:
        """Return a URL for downloading the file; browsers save it and never display it."""
        name = quote(output.name, safe="")
        says = {
            "ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}",
            "ResponseContentType": output.content_type,
        }
        return self._sign_url("get_object", DOWNLOAD_LIFETIME, run_id, attempt, output, says)

    def _sign_url(
        self,
        call: str,
        lives: timedelta,
        run_id: RunId,
        attempt: int,
        output: RunOutput,
        says: Mapping[str, object],
    ) -> str:
        where = {"Bucket": self._bucket, "Key": f"{KEY_PREFIX}{run_id}/{attempt}/{output.name}"}
        signed: str = self._s3.generate_presigned_url(
            call, Params={**where, **says}, ExpiresIn=int(lives.total_seconds())
        )
        return signed
