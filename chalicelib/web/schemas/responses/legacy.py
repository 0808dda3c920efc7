"""Response types of the older paths, with the older names."""

from __future__ import annotations

from typing import get_type_hints

from typing_extensions import TypedDict

from chalicelib.web.schemas.responses.blueprints import (
    DefinitionSummary,
    DefinitionView,
    TriggerView,
    WithWarnings,
)
from chalicelib.web.schemas.responses.values import Cursor, Id


def _workflow(name: str, kind: type) -> type:
    """Return a type with two older names, derived so that its fields cannot drift from `kind`."""
    names = {"prompt": "promptTemplate", "agentType": "agentRuntime"}
    fields = get_type_hints(kind, include_extras=True)
    typed_dict: type = TypedDict(name, {names.get(key, key): fields[key] for key in fields})  # type: ignore[misc]
    return typed_dict


WorkflowView = _workflow("WorkflowView", DefinitionView)
WorkflowSummary = _workflow("WorkflowSummary", DefinitionSummary)


class TaskConfigAnswer(TypedDict):
    taskConfig: DefinitionView


class TaskConfigChanged(TaskConfigAnswer, WithWarnings):
    pass


class TaskConfigMade(TaskConfigChanged):
    triggers: list[TriggerView]


class TaskConfigList(TypedDict):
    taskConfigs: list[DefinitionSummary]
    nextCursor: Cursor


class TaskConfigStarted(TypedDict):
    taskId: Id


class WorkflowAnswer(TypedDict):
    workflow: WorkflowView  # type: ignore[valid-type]


class WorkflowChanged(WorkflowAnswer, WithWarnings):
    pass


class WorkflowMade(WorkflowChanged):
    triggers: list[TriggerView]


class WorkflowList(TypedDict):
    workflows: list[WorkflowSummary]  # type: ignore[valid-type]
    nextCursor: Cursor
