"""The unit and the container file name what there is, and the commands they name work."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "infra" / "runner" / "optio-runner.service"
CONTAINER = ROOT / "infra" / "runner" / "Containerfile"


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(UNIT)
    return parser


def instructions() -> list[tuple[str, str]]:
    text = CONTAINER.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def says(arguments: list[str], code: Path) -> str:
    """Return the output of the runner when started like this, without an address to work for."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=code, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_the_unit_starts_a_runner_that_drains():
    service = unit()["Service"]

    python, *arguments = service["ExecStart"].split()
    assert python == "/usr/bin/python3"
    assert "OPTIO_RUNNER_TOKEN" in says(arguments, ROOT)
    assert service["KillMode"] == "mixed"
    granted = set(service["CapabilityBoundingSet"].replace("CAP_", "").split())
    to_change_users = {"SETUID", "SETGID", "CHOWN", "KILL", "FOWNER", "DAC_OVERRIDE"}
    assert granted == {*to_change_users, "SYS_ADMIN", "SYS_CHROOT"}


def test_the_capabilities_of_the_unit_are_those_that_the_runner_asks_for():
    words = (ROOT / "chalicelib" / "runner" / "sandbox" / "job_users.py").read_text()
    for name in unit()["Service"]["CapabilityBoundingSet"].replace("CAP_", "").split():
        assert name in words


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path):
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace("/opt/optio", str(ROOT)))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True
    )

    complaints = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert complaints == []


def test_what_the_container_copies_is_enough_for_a_runner(tmp_path: Path):
    for name, rest in instructions():
        if name == "COPY":
            source, target = rest.split()
            inside = tmp_path / target.lstrip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, inside)
            else:
                inside.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, inside)
    last = dict(instructions())

    entry, command = json.loads(last["ENTRYPOINT"]), json.loads(last["CMD"])
    start = entry[entry.index("python3") + 1 :] + command
    assert "OPTIO_RUNNER_TOKEN" in says(start, tmp_path / last["WORKDIR"].lstrip("/"))


def test_the_container_file_holds_only_known_instructions_and_no_secret():
    known = {"FROM", "RUN", "ARG", "COPY", "WORKDIR", "ENV", "STOPSIGNAL", "ENTRYPOINT", "CMD"}

    assert {name for name, _ in instructions()} <= known
    assert not re.search(r"TOKEN=|KEY=|SECRET", CONTAINER.read_text())
