"""The commands of the documents, typed as they stand, on the local stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import System
from tests.support import documents

pytestmark = pytest.mark.slow

PAGES = [documents.ROOT / "README.md", *sorted((documents.ROOT / "docs").rglob("*.md"))]
SPOKEN = [page for page in PAGES if documents.script(page).strip()]
SECRET = "a secret of sixteen"


@pytest.fixture(scope="module")
def variables(system: System) -> dict[str, str]:
    """Make the objects that the pages mention, and return their ids."""
    schedule = {"type": "schedule", "config": {"cronExpression": "0 9 * * *"}}
    hook = {"type": "webhook", "config": {"path": "alerts", "secret": SECRET}}
    body = {
        "type": "standalone",
        "name": "Spoken of",
        "prompt": "Look at {{title}}",
        "agentType": "command",
        "agentCommand": "cat",
        "triggers": [schedule, hook],
    }
    made = system.ok("POST", "/api/tasks", body)
    repo = system.ok("POST", "/api/repos", {"repoUrl": "https://git.example.com/acme/docs"})["repo"]
    return {
        "OPTIO_URL": system.card["url"],
        "OPTIO_TOKEN": system.card["token"],
        "TASK": made["task"]["id"],
        "TRIGGER": next(one["id"] for one in made["triggers"] if one["type"] == "schedule"),
        "REPO": repo["id"],
        "SECRET": SECRET,
        "OPTIO_STATE": str(system.state),
    }


@pytest.mark.parametrize("page", SPOKEN, ids=lambda page: page.name)
def test_what_a_page_says_to_type_works(
    system: System, variables: dict[str, str], tmp_path: Path, page: Path
):
    here = {"http://127.0.0.1:8000": system.card["url"], ".optio/": f"{system.state}/"}
    done = documents.typed(documents.script(page), documents.ROOT, tmp_path, here, **variables)
    assert done.returncode == 0, done.stdout + done.stderr + system.story()
