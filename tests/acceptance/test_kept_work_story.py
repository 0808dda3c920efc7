"""A run whose push is refused: its work is kept, resumed from, and pushed, by a real runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Stage
from tests.support.fake_runner_api import git, origin, tmp
from tests.support.http_stage import Served, served
from tests.support.refused_pushes import refuse_pushes

__all__ = ["origin", "tmp"]
PATIENCE_SECONDS = 120


def work_once(server: Served, tmp: Path, run: str) -> dict[str, Any]:
    """Let a runner do one job, and return what has become of the run."""
    with server.lock:
        server.stage.settle()
    runner = server.runner(tmp, "--once")
    assert runner.wait(timeout=PATIENCE_SECONDS) == 0, (tmp / "runner.log").read_text()
    with server.lock:
        server.stage.settle()
        task: dict[str, Any] = server.stage.ok("GET", f"/api/tasks/{run}")["task"]
    return task


@pytest.mark.parametrize("how", ["resume", "retry"])
def test_a_run_goes_on_with_the_work_that_its_forge_refused(
    stage: Stage, tmp: Path, origin: Path, how: str
):
    body = {
        "name": "Bump",
        "prompt": "Bump it",
        "repoUrl": f"file://{origin}",
        "agentType": "command",
        "agentCommand": "echo work >> work.txt; wc -l < work.txt",
    }
    run = stage.ok("POST", "/api/tasks", body)["task"]["id"]
    hook = refuse_pushes(origin)
    with served(stage) as server:
        failed = work_once(server, tmp, run)
        assert (failed["state"], failed["errorClass"]) == ("failed", "push"), failed
        assert "signed commits only" in failed["errorMessage"]
        assert failed["keptWork"]["finished"] is True
        assert [output["name"] for output in failed["outputs"]] == ["work.bundle", "work.patch"]
        assert [span["stage"] for span in failed["attempts"][0]["stages"]][-1] == "push"

        hook.unlink()
        prompt = {"prompt": "Once more"} if how == "resume" else {}
        with server.lock:
            stage.ok("POST", f"/api/tasks/{run}/{how}", prompt)
        done = work_once(server, tmp, run)

    assert done["state"] == "completed", done
    assert (done["keptWork"], done["outputs"]) == (None, [])
    lines = git("show", f"{done['branch']}:work.txt", cwd=origin).splitlines()
    assert lines == ["work"] * (2 if how == "resume" else 1)
    assert done["resultSummary"].endswith("2" if how == "resume" else "1")
