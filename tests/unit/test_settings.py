"""Values of environment variables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.settings import Settings


@pytest.mark.parametrize(
    "asked, minutes",
    [
        pytest.param("", 1, id="default"),
        pytest.param("1", 1, id="rounded up to a minute"),
        pytest.param("60001", 2, id="rounded up to the next minute"),
        pytest.param("86400000", 7, id="at most seven"),
    ],
)
def test_the_tick_is_a_whole_number_of_minutes_from_one_to_seven(asked: str, minutes: int):
    settings = Settings({"OPTIO_WORKFLOW_TRIGGER_INTERVAL": asked})

    assert settings.tick_interval == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["-1", "0", "many", "1.5"])
def test_a_setting_that_makes_no_sense_is_named(text: str):
    with pytest.raises(ValueError, match="OPTIO_DUE_SHARDS must be a whole number from 1 to 64"):
        _ = Settings({"OPTIO_DUE_SHARDS": text}).shards


def test_every_name_carries_the_stage():
    settings = Settings({"STAGE": "prod"})

    assert settings.table_name("runs") == "optio-prod-runs"
    assert settings.queue_name("fire") == "optio-prod-fire"
    assert settings.log_group == "/optio/prod/runs"
