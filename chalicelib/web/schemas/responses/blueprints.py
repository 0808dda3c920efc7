"""Response types of blueprints, triggers and firings."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.firing.firing import Outcome
from chalicelib.domain.runs.state import State
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import CatchUp, Overlap
from chalicelib.web.schemas.responses.values import Count, Cursor, Id, Json, Moment


class DefinitionSummary(TypedDict):
    id: Id
    type: Kind
    name: str
    title: str
    description: str
    repoUrl: str | None
    repoBranch: str | None
    agentType: str
    agentCommand: str | None
    model: str | None
    maxTurns: int | None
    image: str | None
    computeType: str | None
    timeoutMinutes: int
    maxRetries: Count
    priority: int
    maxConcurrent: int
    secrets: list[str]
    environment: dict[str, str]
    promptTemplateId: Id | None
    paramsSchema: dict[str, object] | None
    enabled: bool
    onOpenPr: str
    maxOpenPrs: int | None
    skipIfUnchanged: bool
    missingParams: str
    partialWork: str
    draft: bool
    prLabels: list[str]
    pausedReason: str | None
    createdAt: Moment
    updatedAt: Moment


class DefinitionView(DefinitionSummary):
    prompt: str


class ScheduleConfigView(TypedDict):
    cronExpression: str
    timezone: str
    overlapPolicy: Overlap
    catchUpPolicy: CatchUp
    jitterSeconds: Count
    startAt: Moment | None
    endAt: Moment | None


class HookConfigView(TypedDict):
    path: str
    signature: str
    hasSecret: bool
    filter: str | None
    events: list[str]
    topicArns: NotRequired[list[str]]
    verificationToken: NotRequired[str]


class TicketConfigView(TypedDict):
    source: str
    labels: list[str]
    providerId: Id | None
    includeBacklog: bool
    refire: bool


NoConfigView = Annotated[dict[str, object], Field(max_length=0)]
ConfigView = ScheduleConfigView | HookConfigView | TicketConfigView | NoConfigView


class FireTime(TypedDict):
    utc: Moment
    local: Moment


class TriggerView(TypedDict):
    id: Id
    targetType: Literal["job", "task_config"]
    targetId: Id
    type: TriggerType
    config: ConfigView
    paramMapping: dict[str, object] | None
    enabled: bool
    disabledReason: str | None
    lastFiredAt: Moment | None
    nextFireAt: Moment | None
    nextFireTimes: NotRequired[list[FireTime]]
    createdAt: Moment
    updatedAt: Moment


class FiringView(TypedDict):
    id: Id
    triggerId: Id | None
    taskId: Id | None
    occurrence: str
    firedAt: Moment
    outcome: Outcome
    reason: str | None
    missingParams: list[str]
    latenessMs: Count
    redeliveryOf: Id | None
    until: NotRequired[str | None]
    count: NotRequired[Count]
    runState: NotRequired[State | None]


class WholeFiring(FiringView):
    params: Json
    payload: Json


class VerdictView(TypedDict):
    policy: str
    fires: bool
    message: str


class RenderedView(TypedDict):
    prompt: str
    missing: list[str]
    unused: list[str]


class PreviewView(RenderedView):
    title: str
    verdicts: list[VerdictView]


class WarningView(TypedDict):
    field: str
    message: str


class WithWarnings(TypedDict):
    warnings: list[WarningView]


class DefinitionAnswer(WithWarnings):
    task: DefinitionView


class ClonedAnswer(DefinitionAnswer):
    triggers: list[TriggerView]


class Checked(WithWarnings):
    valid: bool


class TriggerAnswer(WithWarnings):
    trigger: TriggerView


class TriggerList(WithWarnings):
    triggers: list[TriggerView]


class FiringAnswer(TypedDict):
    firing: WholeFiring


class FiringList(TypedDict):
    firings: list[FiringView]
    nextCursor: Cursor


class Explanation(TypedDict):
    answer: str
    firing: FiringView | None
