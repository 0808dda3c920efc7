"""The template of a stage that has alarms and a dashboard."""

from __future__ import annotations

from typing import Any

import pytest

from infra.package import resources

TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def watched_resources() -> dict[str, Any]:
    """Return the resources of a stage with a topic for its alarms, and with a dashboard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTIO_ALARM_TOPIC", TOPIC)
        patch.setenv("OPTIO_DASHBOARD", "1")
        made: dict[str, Any] = resources.template()["Resources"]
    return made


def alarms() -> dict[str, dict[str, Any]]:
    """Return the properties of each alarm, by its id in the template."""
    return {
        name: part["Properties"]
        for name, part in watched_resources().items()
        if part.get("Type") == "AWS::CloudWatch::Alarm"
    }
