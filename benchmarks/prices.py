"""Prices of AWS in us-east-1, without any free tier, each with the page that states it."""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "2025-11"
"""The date of the pages. Check them again before you rely on it."""


@dataclass(frozen=True)
class Price:
    """Dollars for so many of something."""

    dollars: float
    per: float
    of: str
    source: str

    @property
    def each(self) -> float:
        return self.dollars / self.per


MILLION = 1e6
PRICES = {
    "write units": Price(
        0.625, MILLION, "write request units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "read units": Price(
        0.125, MILLION, "read request units", "https://aws.amazon.com/dynamodb/pricing/on-demand/"
    ),
    "invocations": Price(0.20, MILLION, "requests, x86", "https://aws.amazon.com/lambda/pricing/"),
    "gigabyte seconds": Price(
        0.0000166667, 1, "GB-seconds, x86", "https://aws.amazon.com/lambda/pricing/"
    ),
    "messages": Price(
        0.40, MILLION, "requests, standard queue", "https://aws.amazon.com/sqs/pricing/"
    ),
    "requests": Price(
        3.50, MILLION, "requests, REST API", "https://aws.amazon.com/api-gateway/pricing/"
    ),
    "log gigabytes": Price(0.50, 1, "GB taken in", "https://aws.amazon.com/cloudwatch/pricing/"),
    "alarms": Price(0.10, 1, "alarms, a month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "dashboards": Price(
        3.00, 1, "dashboards, a month", "https://aws.amazon.com/cloudwatch/pricing/"
    ),
    "metrics": Price(0.30, 1, "metrics, a month", "https://aws.amazon.com/cloudwatch/pricing/"),
    "secret reads": Price(
        0.05, 10_000, "API calls", "https://aws.amazon.com/secrets-manager/pricing/"
    ),
    "key requests": Price(0.03, 10_000, "requests", "https://aws.amazon.com/kms/pricing/"),
    "build minutes": Price(
        0.005, 1, "minutes, general1.small", "https://aws.amazon.com/codebuild/pricing/"
    ),
    "secrets": Price(
        0.40, 1, "secrets, a month", "https://aws.amazon.com/secrets-manager/pricing/"
    ),
}
