"""A job as the API orders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from chalicelib.integrations.agents.base import Task
from chalicelib.runner.text import clean

END_GRACE = timedelta(seconds=30)
"""How long an agent's program may live after its structured end."""


@dataclass(frozen=True)
class Identity:
    """Author and committer of commits that are made in a job, unless they are set otherwise."""

    name: str = "Optio"
    email: str = "optio@localhost"

    @classmethod
    def of(cls, body: Mapping[str, Any] | None) -> Identity:
        given = body or {}
        return cls(given.get("name") or cls.name, given.get("email") or cls.email)

    def to_git_config(self) -> str:
        """Return a configuration file of git that names this person."""
        fields = (("name", self.name), ("email", self.email))
        return "[user]\n" + "".join(f"\t{key} = {_quoted(text)}\n" for key, text in fields)


def _quoted(text: str) -> str:
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
    def of(cls, body: Mapping[str, Any]) -> EarlierWork:
        return cls(
            attempt=body["attempt"],
            base_sha=body["baseSha"],
            url=body["url"],
            finished=bool(body.get("finished")),
        )


@dataclass(frozen=True, kw_only=True)
class Repo:
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
    identity: Identity = Identity()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Repo:
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
            work=EarlierWork.of(body["work"]) if body.get("work") else None,
            token=body.get("token"),
            identity=Identity.of(body.get("identity")),
        )


@dataclass(frozen=True, kw_only=True)
class Order:
    """One attempt at a run's job."""

    run_id: str
    attempt: int
    title: str
    prompt: str
    agent_type: str
    task: Task
    timeout: timedelta
    end_grace: timedelta = END_GRACE
    repo: Repo | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    path_entries: tuple[str, ...] = ()
    """Directories that setup put before the `PATH`."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Order:
        agent = body.get("agent") or {}
        seconds = body.get("timeoutSeconds") or (body.get("timeoutMinutes") or 60) * 60
        return cls(
            run_id=body["runId"],
            attempt=body["attempt"],
            title=clean(body.get("title") or "").strip() or "Optio task",
            prompt=body.get("prompt") or "",
            agent_type=agent.get("type") or "command",
            task=Task(
                command=agent.get("command"),
                model=agent.get("model"),
                max_turns=agent.get("maxTurns"),
            ),
            timeout=timedelta(seconds=seconds),
            end_grace=timedelta(seconds=body.get("endGraceSeconds") or END_GRACE.total_seconds()),
            repo=Repo.of(body["repo"]) if body.get("repo") else None,
            environment=_texts(body.get("environment")),
            secrets=_texts(body.get("secrets")),
        )


def named_secrets(order: Order) -> list[tuple[str, str]]:
    """Return every value that must not be seen, with the name by which people know it."""
    named = list(order.secrets.items())
    if order.repo:
        named.append(("of the forge", order.repo.token or ""))
        named.append(("of the repo's URL", unquote(urlsplit(order.repo.url).password or "")))
    return [(name, value) for name, value in named if value]


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (values or {}).items() if value is not None}
