"""Blueprints: the saved repo, prompt and agent configuration that each firing turns into a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.ids import BlueprintId, CounterKey, TriggerId
from chalicelib.domain.pool import ComputeType
from chalicelib.domain.repos.repo import TICKET_REPO_PLACEHOLDER
from chalicelib.domain.runs.run_keys import open_prs_key


class Kind(StrEnum):
    """The type of a task in the API."""

    REPO_BLUEPRINT = "repo-blueprint"
    STANDALONE = "standalone"
    REPO_TASK = "repo-task"
    WORKFLOW_RUN = "workflow-run"

    @property
    def run_type(self) -> Kind:
        """The type of the runs that a blueprint of this kind creates."""
        return Kind.WORKFLOW_RUN if self is Kind.STANDALONE else Kind.REPO_TASK


class OpenPrPolicy(StrEnum):
    """The handling of an occurrence while pull requests of its blueprint are open."""

    ALLOW = "allow"
    SKIP = "skip"
    UPDATE = "update"


class MissingParams(StrEnum):
    """The handling of an occurrence without a value for a name in the prompt."""

    RUN = "run"
    SKIP = "skip"
    FAIL = "fail"


class PartialWork(StrEnum):
    """The place of the work of an agent that reached a limit."""

    BRANCH = "branch"
    DRAFT = "draft"


BLUEPRINT_KINDS = (Kind.REPO_BLUEPRINT, Kind.STANDALONE)
RUN_KINDS = (Kind.REPO_TASK, Kind.WORKFLOW_RUN)
AGENTS = ("claude-code", "codex", "copilot", "gemini", "opencode", "command")


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """A reusable configuration, or the settings of an ad-hoc run, which are not stored.

    `trigger_ids` lists its triggers: an index is updated late, and a resume would miss a trigger.
    """

    id: BlueprintId
    kind: Kind
    name: str
    title: str
    prompt: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    description: str = ""
    prompt_template_id: str | None = None
    repo_url: str | None = None
    repo_branch: str | None = None
    agent_type: str = "claude-code"
    agent_command: str | None = None
    model: str | None = None
    max_turns: int | None = None
    image: str | None = None
    compute_type: ComputeType | None = None
    timeout_minutes: int = 60
    max_retries: int = 3
    priority: int = 100
    max_concurrent: int = 2
    secrets: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    params_schema: dict[str, object] | None = None
    enabled: bool = True
    on_open_pr: OpenPrPolicy = OpenPrPolicy.ALLOW
    max_open_prs: int | None = None
    skip_if_unchanged: bool = False
    missing_params: MissingParams = MissingParams.RUN
    partial_work: PartialWork = PartialWork.BRANCH
    draft: bool = False
    pr_labels: tuple[str, ...] = ()
    tracks_active: bool = False
    trigger_ids: tuple[TriggerId, ...] = ()
    paused_reason: str | None = None
    resumed_at: datetime | None = None
    broken_by: str | None = None
    """The id of the history entry whose failure last tripped the circuit breaker."""

    @property
    def leaves_repo_open(self) -> bool:
        """Return whether each firing names the repo, as a ticket does."""
        return self.repo_url == TICKET_REPO_PLACEHOLDER

    @property
    def restricts_open_prs(self) -> bool:
        """Return whether its open pull requests influence the next firing."""
        return self.on_open_pr != OpenPrPolicy.ALLOW or self.max_open_prs is not None

    @property
    def open_prs_key(self) -> CounterKey:
        """The key of the set of its runs whose pull requests are open."""
        return open_prs_key(self.id)

    @property
    def active_key(self) -> CounterKey:
        """The key of the set of its active runs, kept while one of its triggers limits overlaps."""
        return CounterKey(f"active#{self.id}")
