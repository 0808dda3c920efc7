"""The results of a job, as they become known."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.domain.output import Output
from chalicelib.domain.trial import Trial
from chalicelib.integrations.agents.base import AgentEnd
from chalicelib.runner.kept_work import PackedWork


@dataclass(kw_only=True)
class Result:
    """Results so far, filled stage by stage, so that a failure reports what went before."""

    outcome: str = "failed"
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    agent: AgentEnd | None = None
    trial: Trial | None = None
    outputs: list[Output] = field(default_factory=list)
    kept: PackedWork | None = None
