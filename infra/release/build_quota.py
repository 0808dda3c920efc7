"""Reads how many CodeBuild builds of a stage's machine may run at once in the account."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

ADVICE = "Service Quotas, AWS CodeBuild"
_SIZES = {
    "BUILD_GENERAL1_SMALL": "Linux/Small",
    "BUILD_GENERAL1_MEDIUM": "Linux/Medium",
    "BUILD_GENERAL1_LARGE": "Linux/Large",
    "BUILD_GENERAL1_XLARGE": "Linux/XLarge",
    "BUILD_GENERAL1_2XLARGE": "Linux/2XLarge",
}


def describe_build_quota(client: Any, compute_type: str, wanted: int) -> str:
    """Return a sentence about the quota of builds; `wanted` is how many the stage may need at once.

    `client` is one of Service Quotas. A new account has a quota of 0 or 1:
    https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
    """
    size = _SIZES[compute_type]
    name = f"Concurrently running builds for {size} environment"
    try:
        quota = _find_quota(client, name)
    except (BotoCoreError, ClientError) as error:
        return f"the quota {name!r} could not be read ({error}): see {ADVICE}"
    if quota is None:
        return f"the quota {name!r} is not listed here: see {ADVICE}"
    sentence = f"{quota} builds of {size} may run at once in this account"
    if quota >= wanted:
        return sentence
    return (
        f"{sentence}, but this stage starts up to {wanted}: the others wait. Raise {name!r}"
        f" ({ADVICE}), or lower OPTIO_MAX_CONCURRENT"
    )


def _find_quota(client: Any, name: str) -> int | None:
    pages = client.get_paginator("list_service_quotas").paginate(ServiceCode="codebuild")
    for page in pages:
        for quota in page["Quotas"]:
            if quota["QuotaName"].casefold() == name.casefold():
                return int(quota["Value"])
    return None
