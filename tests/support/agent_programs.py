"""The agents' real programs, installed for the tests alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from chalicelib.runner.build_image.agent_installation import PACKAGES, pinned_version

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "agents"
INSTALL_SECONDS = 300


def program(kind: str) -> Path:
    """Return the directory of an agent's program, installed below the project on first use."""
    folder = CACHE / f"{kind}-{pinned_version(kind)}"
    binaries = folder / "node_modules" / ".bin"
    if not (folder / "complete").exists():
        if shutil.which("npm") is None:
            pytest.skip("NO npm ON THIS MACHINE: the agents' programs cannot be installed")
        _install(kind, folder)
        (folder / "complete").touch()
    return binaries


def _install(kind: str, folder: Path) -> None:
    """Install what builds install, by the same lock file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGES / kind / name, folder)
    home = CACHE / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "npm_config_cache": str(CACHE / "npm"),
        **_npm_settings("registry", "cafile"),
    }
    argv = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr[-3000:]}"


def _npm_settings(*names: str) -> dict[str, str]:
    """Return where this machine's npm gets packages from, and none of its credentials."""
    found = {}
    for name in names:
        asked = subprocess.run(["npm", "config", "get", name], capture_output=True, text=True)
        if (value := asked.stdout.strip()) not in ("", "null", "undefined"):
            found[f"npm_config_{name}"] = value
    return found
