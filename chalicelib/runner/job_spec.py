"""A job as the API orders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from chalicelib.integrations.agents.base import AgentTask
from chalicelib.runner.output.text import clean_text

DEFAULT_END_GRACE = timedelta(seconds=30)
"""How long an agent's program may live after its structured end."""


@dataclass(frozen=True)
class CommitIdentity:
    """Author and committer of commits that are made in a job, unless they are set otherwise."""

    name: str = "Optio"
    email: str = "optio@localhost"

    @classmethod
    def from_json(cls, body: Mapping[str, Any] | None) -> CommitIdentity:
        identity = body or {}
        return cls(identity.get("name") or cls.name, identity.get("email") or cls.email)

    def to_git_config(self) -> str:
        """Return a configuration file of git that names this person."""
        fields = (("name", self.name), ("email", self.email))
        return "[user]\n" + "".join(f"\t{key} = {_quote_value(text)}\n" for key, text in fields)


def _quote_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@dataclass(frozen=True, kw_only=True)
class EarlierWork:
    """Kept work of an earlier attempt, with which this one begins."""

    attempt: int
    base_sha: str
    url: str = field(repr=False)
    finished: bool = False

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> EarlierWork:
        return cls(
            attempt=body["attempt"],
            base_sha=body["baseSha"],
            url=body["url"],
            finished=bool(body.get("finished")),
        )


@dataclass(frozen=True, kw_only=True)
class RepoSpec:
    """Where to clone from and push to."""

    url: str
    push_branch: str
    branch: str | None = None
    continue_branch: bool = False
    setup_commands: str | None = None
    test_command: str | None = None
    include_setup_changes: bool = False
    plain_http: bool = False
    push_partial: bool = False
    work: EarlierWork | None = None
    token: str | None = field(default=None, repr=False)
    identity: CommitIdentity = CommitIdentity()

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> RepoSpec:
        return cls(
            url=body["url"],
            push_branch=body["pushBranch"],
            branch=body.get("branch"),
            continue_branch=bool(body.get("continueBranch")),
            setup_commands=body.get("setupCommands"),
            test_command=body.get("testCommand"),
            include_setup_changes=bool(body.get("includeSetupChanges")),
            plain_http=bool(body.get("plainHttp")),
            push_partial=bool(body.get("pushPartial")),
            work=EarlierWork.from_json(body["work"]) if body.get("work") else None,
            token=body.get("token"),
            identity=CommitIdentity.from_json(body.get("identity")),
        )


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """One attempt at a run's job."""

    run_id: str
    attempt: int
    title: str
    prompt: str
    agent_type: str
    task: AgentTask
    timeout: timedelta
    end_grace: timedelta = DEFAULT_END_GRACE
    repo: RepoSpec | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    path_entries: tuple[str, ...] = ()
    """Directories that setup put before the `PATH`."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> JobSpec:
        agent = body.get("agent") or {}
        return cls(
            run_id=body["runId"],
            attempt=body["attempt"],
            title=clean_text(body.get("title") or "").strip() or "Optio task",
            prompt=body.get("prompt") or "",
            agent_type=agent.get("type") or "command",
            task=AgentTask(
                command=agent.get("command"),
                model=agent.get("model"),
                max_turns=agent.get("maxTurns"),
            ),
            timeout=timedelta(minutes=body.get("timeoutMinutes") or 60),
            end_grace=timedelta(
                seconds=body.get("endGraceSeconds") or DEFAULT_END_GRACE.total_seconds()
            ),
            repo=RepoSpec.from_json(body["repo"]) if body.get("repo") else None,
            environment=_as_texts(body.get("environment")),
            secrets=_as_texts(body.get("secrets")),
        )


def named_secrets(order: JobSpec) -> list[tuple[str, str]]:
    """Return every value that must not be seen, with the name by which people know it."""
    secrets = list(order.secrets.items())
    if order.repo:
        secrets.append(("of the forge", order.repo.token or ""))
        secrets.append(("of the repo's URL", unquote(urlsplit(order.repo.url).password or "")))
    return [(name, value) for name, value in secrets if value]


def _as_texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (values or {}).items() if value is not None}
