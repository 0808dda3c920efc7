"""Every operation of the API, with what its description allows, and with what it does not.

A handful of examples here; `make test-fuzz` takes hundreds, on what `make dev` runs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.domain.access.key import Scope
from tests.conftest import Stage, key_of
from tests.fuzz.run import fuzz
from tests.fuzz.schemathesis_report import table
from tests.fuzz.seeds import seed
from tests.support.http_stage import served

EXAMPLES = 8


class Seeding:
    """The stage, as the seeds see it."""

    def __init__(self, stage: Stage) -> None:
        self.call = stage.ok


@pytest.mark.slow
def test_no_request_brings_a_5xx_or_an_answer_that_is_not_described(stage: Stage, tmp_path: Path):
    key_of("optio_pat_all", tuple(Scope))
    with served(stage) as server:
        said, rows = fuzz(server.url, "optio_pat_all", EXAMPLES, tmp_path, seed(Seeding(stage)))
    assert {row.operation: row.findings for row in rows if row.findings} == {}, said
    taken = {row.operation for row in rows if row.answers["2xx"]}
    made = {"/api/tasks", "/api/tasks/{task_id}/runs", "/api/tasks/{task_id}/triggers"}
    assert {f"POST {path}" for path in made} <= taken, table(rows)
