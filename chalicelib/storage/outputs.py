"""The files that agents left, in the bucket of the stage, where they expire with their runs.

Neither a file nor a credential passes through us: a runner and a reader get an address each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

from botocore.config import Config

from chalicelib import aws
from chalicelib.domain.output import Output

PREFIX = "outputs/"
"""Named by the bucket's rule of what expires."""
UPLOAD, DOWNLOAD = timedelta(minutes=15), timedelta(minutes=5)


class S3Outputs:
    """Signed addresses of files: the size and the type of an upload are part of its signature."""

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._region = region

    @cached_property
    def _s3(self) -> Any:
        # In its own region: S3 leads away from the global address while a bucket is young, and from
        # that of a young region always, where the signature of the first host is no good.
        config = Config(
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            s3={"addressing_style": "virtual"},
        )
        return aws.client("s3", region_name=self._region, config=config)

    def upload(self, run_id: str, attempt: int, output: Output) -> str:
        """Return where exactly this file may be put."""
        says = {"ContentLength": output.size, "ContentType": output.content_type}
        return self._signed("put_object", UPLOAD, run_id, attempt, output, says)

    def download(self, run_id: str, attempt: int, output: Output) -> str:
        """Return where the file is; a browser saves it and never shows it as a page of ours."""
        name = quote(output.name, safe="")
        says = {
            "ResponseContentDisposition": f"attachment; filename*=UTF-8''{name}",
            "ResponseContentType": output.content_type,
        }
        return self._signed("get_object", DOWNLOAD, run_id, attempt, output, says)

    def _signed(
        self,
        call: str,
        lives: timedelta,
        run_id: str,
        attempt: int,
        output: Output,
        says: Mapping[str, object],
    ) -> str:
        where = {"Bucket": self._bucket, "Key": f"{PREFIX}{run_id}/{attempt}/{output.name}"}
        signed: str = self._s3.generate_presigned_url(
            call, Params={**where, **says}, ExpiresIn=int(lives.total_seconds())
        )
        return signed
