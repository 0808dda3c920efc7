"""Processes that start cold from the built package, as Lambda starts them, and their output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from infra.dev.emulator import FAKE
from infra.package.build import build

BEFORE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
events = json.loads(sys.stdin.read() or "null")
cpu, wall = time.process_time(), time.perf_counter()
def taken():
    return {"cpu": 1000 * (time.process_time() - cpu), "wall": 1000 * (time.perf_counter() - wall)}
def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
"""


@contextmanager
def package() -> Iterator[Path]:
    """Yield the folder of the package that is deployed, with its byte code."""
    with tempfile.TemporaryDirectory(prefix="optio-bench-") as folder:
        out = Path(folder)
        with patch.dict(os.environ, {**FAKE, "STAGE": "dev"}):
            build(out)
        with zipfile.ZipFile(out / "deployment.zip") as archive:
            archive.extractall(out / "unpacked")
        yield out / "unpacked"


def clean(folder: Path) -> dict[str, str]:
    """Return an environment that holds nothing of this machine's."""
    return {"PATH": os.defpath, "HOME": str(folder)}


def run_cold(
    program: str, folder: Path, environment: Mapping[str, str], events: object = None
) -> dict[str, Any]:
    """Return what a program leaves in `figures`, run by a process that has nothing but `folder`."""
    whole = f"{BEFORE}\n{program}\nprint('\\n' + json.dumps(figures))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", whole, str(folder)],
        env=clean(folder) | dict(environment),
        input=json.dumps(events),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a cold process failed: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
