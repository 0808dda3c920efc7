"""The results of a job, as they become known."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.domain.runs.attempt import AttemptOutcome
from chalicelib.domain.runs.output import RunOutput
from chalicelib.domain.runs.test_result import RepoTestRun
from chalicelib.integrations.agents.base import AgentResult
from chalicelib.runner.work.kept_work import PackedWork


@dataclass(kw_only=True)
class JobResult:
    """Results so far, filled stage by stage, so that a failure reports what went before."""

    outcome: AttemptOutcome = AttemptOutcome.FAILED
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    agent: AgentResult | None = None
    test_run: RepoTestRun | None = None
    outputs: list[RunOutput] = field(default_factory=list)
    packed_work: PackedWork | None = None
