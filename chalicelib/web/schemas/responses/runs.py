"""Response types of runs and of the runner protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.runs.state import State
from chalicelib.web.schemas.responses.blueprints import (
    DefinitionSummary,
    DefinitionView,
    TriggerView,
    WithWarnings,
)
from chalicelib.web.schemas.responses.values import Count, Cursor, Id, Json, Moment


class Origin(TypedDict):
    taskConfigId: Id | None
    taskConfigName: str | None
    triggerId: Id | None
    firingId: Id
    triggerParams: NotRequired[Json]


class TestsView(TypedDict):
    passed: bool
    exitStatus: int | None
    lastLines: str


class RunSummary(TypedDict):
    id: Id
    type: Kind
    state: State
    stage: str | None
    attempt: Count
    title: str
    repoUrl: str | None
    repoBranch: str | None
    agentType: str
    model: str | None
    maxTurns: int | None
    timeoutMinutes: int
    maxRetries: Count
    priority: int
    prUrl: str | None
    prNumber: int | None
    prState: str | None
    prChecksStatus: str | None
    prReviewStatus: str | None
    branch: str | None
    headSha: str | None
    diffStat: str | None
    resultSummary: str | None
    errorMessage: str | None
    errorClass: str | None
    waitingFor: str | None
    stalled: bool
    costUsd: float | None
    inputTokens: int | None
    outputTokens: int | None
    modelUsed: str | None
    retryCount: Count
    missingParams: list[str]
    startedAt: Moment | None
    completedAt: Moment | None
    createdAt: Moment
    updatedAt: Moment
    metadata: Origin


class StageView(TypedDict):
    stage: str
    startedAt: Moment
    endedAt: Moment | None


class IdentityView(TypedDict):
    name: str | None
    email: str | None


class CapabilitiesView(TypedDict):
    sandbox: bool
    reason: str | None


class AttemptView(TypedDict):
    number: int
    runner: str
    startedAt: Moment
    endedAt: Moment | None
    outcome: str | None
    errorMessage: str | None
    costUsd: float | None
    stages: list[StageView]
    capabilities: CapabilitiesView | None


class OutputView(TypedDict):
    name: str
    size: Count
    contentType: str


class KeptWorkView(TypedDict):
    attempt: int
    baseSha: str
    finished: bool
    resumable: bool


class RunView(RunSummary):
    prompt: str
    tests: TestsView | None
    attempts: list[AttemptView]
    outputs: list[OutputView]
    keptWork: KeptWorkView | None


class EventView(TypedDict):
    id: str
    fromState: State | None
    toState: State
    trigger: str
    message: str
    createdAt: Moment


class LogLineView(TypedDict):
    seq: int
    timestamp: Moment
    logType: str
    content: str
    attempt: int


class TaskAnswer(TypedDict):
    task: DefinitionView | RunView


class MadeAnswer(TaskAnswer, WithWarnings):
    triggers: list[TriggerView]


class TaskList(TypedDict):
    tasks: Sequence[DefinitionSummary | RunSummary]
    nextCursor: Cursor


class RunTask(TypedDict):
    task: RunView


class RunAnswer(TypedDict):
    run: RunView


class RunList(TypedDict):
    runs: list[RunSummary]
    nextCursor: Cursor


class Started(TypedDict):
    runId: Id
    type: Kind


class Accepted(TypedDict):
    accepted: Count


class EventList(TypedDict):
    events: list[EventView]


class LogPage(TypedDict):
    """Lines of a log; `complete` is true at the end of a run, when no late line can follow."""

    logs: list[LogLineView]
    nextCursor: Cursor
    prevCursor: Cursor
    complete: bool


class Told(TypedDict):
    """The result of a firing: its run, or the reason why there is none."""

    firingId: Id
    taskId: NotRequired[Id]
    runId: NotRequired[Id]
    skipped: NotRequired[str | None]


Handshake = Annotated[
    dict[str, str], Field(description="The response that proves the path to its sender")
]


class Hinted(TypedDict):
    event: str
    looking: list[str]


class JobAgent(TypedDict):
    type: str
    command: str | None
    model: str | None
    maxTurns: int | None


class JobWork(TypedDict):
    attempt: int
    baseSha: str
    url: str
    finished: bool


class JobRepo(TypedDict):
    url: str
    branch: str | None
    pushBranch: str
    continueBranch: bool
    setupCommands: str | None
    includeSetupChanges: bool
    testCommand: str | None
    identity: IdentityView
    plainHttp: bool
    token: str | None
    pushPartial: bool
    work: JobWork | None


class JobView(TypedDict):
    runId: Id
    attempt: int
    type: Kind
    title: str
    prompt: str
    agent: JobAgent
    repo: JobRepo | None
    environment: dict[str, str]
    secrets: dict[str, str]
    timeoutMinutes: int
    runnerToken: str | None
    attemptStartedAt: Moment


class GitToken(TypedDict):
    token: str | None


class JobAnswer(TypedDict):
    job: JobView


class UploadView(TypedDict):
    name: str
    url: str


class UploadList(TypedDict):
    uploads: list[UploadView]


class GoOn(TypedDict("GoOn", {"continue": bool})):
    reason: str | None


class Ended(TypedDict):
    state: State
