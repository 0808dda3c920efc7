"""Response types of the configuration: templates, secrets, repos, ticket providers and keys."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from chalicelib.domain.access.key import Role, Scope
from chalicelib.web.schemas.responses.blueprints import WithWarnings
from chalicelib.web.schemas.responses.values import Count, Cursor, Id, Moment


class PromptTemplateSummary(TypedDict):
    id: Id
    name: str
    kind: str
    description: str
    paramsSchema: dict[str, object] | None
    defaultAgentType: str | None
    createdAt: Moment
    updatedAt: Moment


class PromptTemplateView(PromptTemplateSummary):
    template: str


class SecretView(TypedDict):
    name: str
    scope: str
    createdAt: Moment
    updatedAt: Moment


class RepoView(TypedDict):
    id: Id
    repoUrl: str
    setupCommands: str | None
    includeSetupChanges: bool
    testCommand: str | None
    secrets: list[str]
    environment: dict[str, str]
    defaultBranch: str | None
    branchPrefix: str | None
    defaultAgentType: str | None
    maxConcurrentTasks: int
    runner: str | None
    image: str | None
    computeType: str | None
    forgeApiUrl: str | None
    autoMerge: bool
    autoResume: bool
    maxAutoResumes: Count
    trustedBots: list[str]
    commitAuthorName: str | None
    commitAuthorEmail: str | None
    createdAt: Moment
    updatedAt: Moment


class ProgressView(TypedDict):
    reading: Literal["changes", "backlog"]
    tickets: Count
    startedAt: Moment


class ProviderView(TypedDict):
    id: Id
    name: str
    source: str
    config: dict[str, str]
    hasCredential: bool
    enabled: bool
    disabledReason: str | None
    failures: Count
    lastError: str | None
    lastSyncedAt: Moment | None
    nextSyncAt: Moment | None
    progress: ProgressView | None
    createdAt: Moment
    updatedAt: Moment


class KeyView(TypedDict):
    id: Id
    name: str
    role: Role | None
    scopes: list[Scope]
    createdBy: str | None
    createdAt: Moment
    updatedAt: Moment
    expiresAt: Moment | None
    expired: bool
    lastUsedAt: Moment | None


class Lateness(TypedDict):
    p50: int | None
    p95: int | None
    p99: int | None
    max: int | None
    count: Count


class Overdue(TypedDict):
    triggerId: Id
    taskId: Id | None
    dueAt: Moment
    overdueSeconds: int


class DeadLetters(TypedDict):
    fire: Count
    steps: Count
    remote: Count
    notify: Count


class PulseView(TypedDict):
    status: Literal["ok", "late", "starting", "stopped"]
    startedAt: Moment | None
    lastTick: Moment | None
    tickIntervalSeconds: int
    latenessMs: Lateness
    oldestOverdue: Overdue | None
    deadLetters: DeadLetters


class Up(TypedDict):
    status: Literal["ok"]


class PromptTemplateAnswer(TypedDict):
    promptTemplate: PromptTemplateView


class PromptTemplateList(TypedDict):
    promptTemplates: list[PromptTemplateSummary]
    nextCursor: Cursor


class SecretAnswer(WithWarnings):
    secret: SecretView


class SecretList(TypedDict):
    secrets: list[SecretView]
    nextCursor: Cursor


class RepoAnswer(TypedDict):
    repo: RepoView


class RepoList(TypedDict):
    repos: list[RepoView]
    nextCursor: Cursor


class ProviderAnswer(TypedDict):
    provider: ProviderView


class ProviderList(TypedDict):
    providers: list[ProviderView]
    nextCursor: Cursor


class KeyAnswer(TypedDict):
    apiKey: KeyView


class NewKeyAnswer(KeyAnswer):
    token: str


class KeyList(TypedDict):
    apiKeys: list[KeyView]
    nextCursor: Cursor


class SignInLink(TypedDict):
    path: str
