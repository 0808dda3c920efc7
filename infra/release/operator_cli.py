"""Frame of an operator's command: its stage, its region, and errors as one sentence."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from infra.release.deploy import Target

STAGE_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


@contextmanager
def plainly() -> Iterator[None]:
    """Let what AWS refuses, a build that fails and Ctrl-C end a command with one sentence."""
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        raise SystemExit(f"AWS: {error}") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"the package was not built: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(
            "interrupted: AWS continues what it has begun; run the command again to see the result"
        ) from None


def target() -> Target:
    """Return the stage that STAGE names, in the region of the environment or of the profile."""
    stage = os.environ.get("STAGE", "")
    if not STAGE_NAME.fullmatch(stage):
        raise SystemExit("set STAGE=name: a small letter, then up to 19 of a-z, 0-9 and -")
    region = os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not region:
        raise SystemExit("set AWS_REGION=name: neither the environment nor the profile has one")
    # boto3 reads the one, Lambda sets the other: everything that is started here has both.
    os.environ.update(AWS_REGION=region, AWS_DEFAULT_REGION=region)
    return Target(os.environ.get("AWS_ENDPOINT_URL"), stage)
