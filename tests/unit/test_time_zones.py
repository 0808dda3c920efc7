"""Time zones: the shipped data decides, under the names that it lists."""

from __future__ import annotations

import os
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tzdata

from chalicelib.domain.errors import Invalid
from chalicelib.domain.triggers.schedule import CronSchedule, next_after
from chalicelib.domain.triggers.time_zones import available_zones, parse_zone

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Mars/Olympus", "../etc/passwd", "/etc/passwd", " UTC", "UTC\x00", "europe/berlin"),
        *("localtime", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin", "Factory"),
        *("zone.tab", "tzdata.zi", "leapseconds", "Europe", "Europe/", "Europe/Berlin/", "x" * 300),
    ],
)
def test_an_unknown_zone_is_refused_by_its_field(name: str):
    with pytest.raises(Invalid) as caught:
        parse_zone(name)

    assert caught.value.faults[0].field == "timezone"


def test_every_zone_of_the_shipped_data_but_one_is_taken():
    zoneinfo.reset_tzpath(to=())
    try:
        listed = zoneinfo.available_timezones() - {"Factory"}
    finally:
        zoneinfo.reset_tzpath()

    assert available_zones() == listed
    for name in listed:
        assert parse_zone(name).key == name
        assert NOON.astimezone(parse_zone(name)).utcoffset() is not None


STORY = """
import zoneinfo
from datetime import UTC, datetime
from chalicelib.domain.triggers.schedule import CronSchedule, next_after
noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
print(zoneinfo.ZoneInfo("America/Vancouver").utcoffset(datetime(2026, 12, 1)))
print(next_after(CronSchedule(cron="0 9 * * *", timezone="America/Vancouver"), noon).isoformat())
"""


def test_the_machines_own_zone_files_decide_nothing(tmp_path: Path):
    shipped = Path(tzdata.__file__).parent / "zoneinfo"
    wrong = tmp_path / "America" / "Vancouver"
    wrong.parent.mkdir()
    wrong.write_bytes((shipped / "Asia" / "Tokyo").read_bytes())
    environment = {"PYTHONTZPATH": str(tmp_path), "PATH": os.defpath, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [sys.executable, "-c", STORY],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    machine, ours = done.stdout.splitlines()
    assert machine == "9:00:00", "the machine's file was read by zoneinfo, as it should be here"
    right = next_after(CronSchedule(cron="0 9 * * *", timezone="America/Vancouver"), NOON)
    assert right is not None
    assert ours == right.isoformat()


@pytest.mark.parametrize(
    "zone, expected",
    [
        ("America/Vancouver", "16:00"),
        ("America/Edmonton", "15:00"),
        ("America/Winnipeg", "14:00"),
        ("America/Havana", "13:00"),
        ("Africa/Casablanca", "09:00"),
    ],
)
def test_nine_o_clock_is_where_the_data_of_the_pin_puts_it(zone: str, expected: str):
    found = next_after(CronSchedule(cron="0 9 * * *", timezone=zone), NOON)
    assert found is not None
    assert f"{found:%H:%M}" == expected
