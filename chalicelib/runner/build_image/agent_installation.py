"""Installs the pinned program of one agent from npm, for a build whose image has none.

The lock files below `packages` name each package with its hash, and npm installs no other bytes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from chalicelib.runner.sandbox.agent_programs import AGENT_PROGRAMS, AgentTools

log = logging.getLogger(__name__)

PACKAGES = Path(__file__).with_name("packages")
INSTALL_SECONDS = 180.0
MIN_NODE_VERSION = 22
"""The oldest major version of Node.js that all agents' programs accept."""

_PASSED_VARIABLES = frozenset(
    {"http_proxy", "https_proxy", "no_proxy", "all_proxy", "node_extra_ca_certs", "lang"}
)
_NPM_PREFIX = "npm_config_"
_SHOWN_OUTPUT = 500


class InstallError(Exception):
    """A program could not be installed; the text is the reason."""


def install_agent(
    tools: AgentTools, agent_type: str, patience_seconds: float = INSTALL_SECONDS
) -> None:
    """Install the program of an agent type into `tools`, unless the `PATH` has one.

    If that fails, `tools.unusable` gets the reason, and a job that needs the program reports it.
    """
    name = AGENT_PROGRAMS.get(agent_type)
    if name is None or shutil.which(name):
        return
    began = time.monotonic()
    try:
        version = _install_program(tools, agent_type, name, began + patience_seconds)
    except (InstallError, OSError) as error:
        tools.unusable[name] = f"the image has none, and it could not be installed: {error}"
        return
    log.info("agent_installed: %s %s in %.1f s", agent_type, version, time.monotonic() - began)


def pinned_version(agent_type: str) -> str:
    """Return the version of an agent's program that builds install."""
    package = json.loads((PACKAGES / agent_type / "package.json").read_text())
    (version,) = package["dependencies"].values()
    return str(version)


def _install_program(tools: AgentTools, agent_type: str, name: str, until: float) -> str:
    if shutil.which("npm") is None:
        raise InstallError("it has no npm either: name an `image` that has the program")
    directory = tools.make_directory()
    if _node_version() < MIN_NODE_VERSION:
        modules = _install_locked(directory, "node", until)
        node = next(modules.glob("node-linux-*/bin/node"), None)
        if node is None:
            raise InstallError(f"Node.js {MIN_NODE_VERSION} is not available for this machine")
        (directory / "bin" / "node").symlink_to(node)
    program = _install_locked(directory, agent_type, until) / ".bin" / name
    if not program.exists():
        raise InstallError(f"its package has no program {name!r} for this machine")
    (directory / "bin" / name).symlink_to(program)
    tools.open_to_jobs()
    return pinned_version(agent_type)


def _node_version() -> int:
    """Return the major version of the image's Node.js; 0 without one."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        output = subprocess.run(("node", "--version"), capture_output=True, timeout=10).stdout
        return int(output.decode().strip().lstrip("v").partition(".")[0])
    return 0


def _install_locked(directory: Path, name: str, until: float) -> Path:
    """Install the packages of one lock file; return the directory of modules."""
    target = directory / name
    target.mkdir()
    for file in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGES / name / file, target)
    argv = ("npm", "install", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error")
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            cwd=target,
            env=_npm_environment(directory, home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise InstallError(f"`{' '.join(argv[:2])}` did not end in its time") from None
        if code != 0:
            raise InstallError(f"`{' '.join(argv[:2])}` exited {code}: {_last_output(output)}")
    return target / "node_modules"


def _npm_environment(directory: Path, home: str) -> dict[str, str]:
    """Return what npm sees: settings of npm, proxies, and no credential of the build."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.lower() in _PASSED_VARIABLES or name.lower().startswith(_NPM_PREFIX)
    }
    path = os.pathsep.join([str(directory / "bin"), os.environ.get("PATH", os.defpath)])
    return {**passed, "PATH": path, "HOME": home, "npm_config_cache": f"{home}/cache"}


def _last_output(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace").strip()[-_SHOWN_OUTPUT:]
