"""Request models of tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from chalicelib.domain import limits
from chalicelib.domain.blueprints.blueprint import Kind
from chalicelib.domain.blueprints.template import check_template
from chalicelib.domain.errors import Fault
from chalicelib.domain.repos.repo import TICKET_REPO_PLACEHOLDER
from chalicelib.web.schemas.requests.cross_field_rules import ModelWithRules, Submitted
from chalicelib.web.schemas.requests.fields import (
    CHECK_FILLED,
    Agent,
    AgentModel,
    Branch,
    Description,
    Flag,
    Image,
    MachineType,
    Model,
    Name,
    Params,
    RepoOfTask,
    Schema,
    Script,
    SecretNames,
    Text,
    Variables,
    domain_check,
    int_between,
    schema_extra,
    str_length,
)
from chalicelib.web.schemas.requests.triggers import AnyTrigger

SCHEDULE = {"type": "schedule", "config": {"cronExpression": "0 3 * * 1-5"}}
EXAMPLE = {"name": "Update the dependencies", "prompt": "Bring {{package}} to its newest version"}
LabelName = Annotated[str, str_length(limits.MAX_PR_LABEL_LENGTH, 1), CHECK_FILLED]


class Definition(ModelWithRules):
    """The fields that blueprints and ad-hoc runs share."""

    model_config = schema_extra({"name": "Renamed", "timeoutMinutes": 30})
    name: Name | None = None
    description: Description = ""
    title: (
        Annotated[str, str_length(limits.MAX_TITLE_LENGTH, 1), domain_check(check_template)] | None
    ) = None
    prompt: Text = ""
    prompt_template_id: uuid.UUID | None = None
    params_schema: Schema | None = None
    repo_url: RepoOfTask | None = None
    repo_branch: Branch | None = None
    agent_type: Agent | None = None
    agent_command: Script | None = None
    model: AgentModel | None = None
    max_turns: Annotated[int, int_between(1, 10000)] | None = None
    image: Image | None = None
    compute_type: MachineType | None = None
    timeout_minutes: Annotated[int, int_between(1, 600)] = 60
    max_retries: Annotated[int, int_between(0, 10)] | None = None
    priority: Annotated[int, int_between(1, 1000)] = 100
    max_concurrent: Annotated[int, int_between(1, 1000)] = 2
    secrets: SecretNames = []
    environment: Variables = {}
    enabled: Flag = True
    on_open_pr: Literal["allow", "skip", "update"] = "allow"
    max_open_prs: Annotated[int, int_between(1, 100)] | None = None
    skip_if_unchanged: Flag = False
    missing_params: Literal["run", "skip", "fail"] = "run"
    partial_work: Literal["branch", "draft"] = "branch"
    draft: Flag = False
    pr_labels: Annotated[list[LabelName], Field(max_length=limits.MAX_PR_LABELS)] = []


def _either_rule(*fields: str) -> dict[str, Any]:
    """Return the schema rule that requires one of these fields."""
    alternatives = [
        {"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in fields
    ]
    return {"anyOf": alternatives}


def _kind_rules(name: str, repo: bool, **more: Any) -> dict[str, Any]:
    """Return the schema rules of one type of task."""
    nothing: dict[str, Any] = {"type": "null"}
    where = {"repoUrl": {"not": nothing}} if repo else {"repoUrl": nothing, "repoBranch": nothing}
    rules = {"properties": {"type": {"const": name}, **where, **more}}
    needed = ["repoUrl"] if repo else []
    return {**rules, "required": needed if name == "repo-task" else ["type", *needed]}


def _check_name(submitted: Submitted) -> Iterator[Fault]:
    if not (submitted.name or submitted.title):
        yield Fault("name", "give a name or a title")


def _check_prompt(submitted: Submitted) -> Iterator[Fault]:
    if not (submitted.prompt.strip() or submitted.prompt_template_id):
        yield Fault("prompt", "give a prompt or a prompt template (promptTemplateId)")


def _check_repo(submitted: Submitted) -> Iterator[Fault]:
    kind = Kind(submitted.type)
    if kind is Kind.STANDALONE and (submitted.repo_url or submitted.repo_branch):
        yield Fault("repoUrl", "a standalone task has no repo")
    if kind is not Kind.STANDALONE and not submitted.repo_url:
        yield Fault("repoUrl", f"a {kind.value} needs a repo")
    if kind is Kind.REPO_TASK and submitted.repo_url == TICKET_REPO_PLACEHOLDER:
        yield Fault("repoUrl", "only a repo-blueprint can take its repo from a ticket")


def _check_agent_command(submitted: Submitted) -> Iterator[Fault]:
    if submitted.agent_type == "command" and not submitted.agent_command:
        yield Fault("agentCommand", "the agent 'command' needs a script")
    if submitted.agent_type != "command" and submitted.agent_command:
        yield Fault("agentCommand", "only the agent 'command' has a script")


def _check_triggers(submitted: Submitted) -> Iterator[Fault]:
    if submitted.raw.get("triggers") and submitted.type == Kind.REPO_TASK:
        yield Fault("triggers", "only a repo-blueprint or a standalone task can have triggers")


def _check_paths(submitted: Submitted) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for number, path in _iter_paths(submitted.raw.get("triggers")):
        first = seen.setdefault(path, number)
        if first != number:
            message = f"triggers.{first} already has this path"
            yield Fault(f"triggers.{number}.config.path", message)


def _iter_paths(triggers: Any) -> Iterator[tuple[int, str]]:
    for number, trigger in enumerate(triggers if isinstance(triggers, list) else ()):
        config = trigger.get("config") if isinstance(trigger, dict) else None
        path = config.get("path") if isinstance(config, dict) else None
        if isinstance(path, str) and trigger.get("type") == "webhook":
            yield number, path


class NewTask(Definition):
    rules = (
        _check_name,
        _check_prompt,
        _check_repo,
        _check_agent_command,
        _check_triggers,
        _check_paths,
    )
    model_config = schema_extra(
        {**EXAMPLE, "type": "standalone", "triggers": [SCHEDULE]},
        {**EXAMPLE, "type": "repo-blueprint", "repoUrl": "acme/web", "triggers": [SCHEDULE]},
        {**EXAMPLE, "repoUrl": "https://github.com/acme/web"},
        allOf=[_either_rule("name", "title"), _either_rule("prompt", "promptTemplateId")],
        oneOf=[
            _kind_rules("standalone", repo=False),
            _kind_rules("repo-blueprint", repo=True),
            _kind_rules("repo-task", repo=True, triggers={"maxItems": 0}),
        ],
    )
    type: Literal["repo-task", "repo-blueprint", "standalone"] = "repo-task"
    triggers: Annotated[list[AnyTrigger], Field(max_length=limits.MAX_TRIGGERS)] = []


class RunRequest(Model):
    model_config = schema_extra({"params": {"package": "requests"}})
    params: Params = {}


class ResumeRequest(Model):
    model_config = schema_extra({"prompt": "The build fails: look into it"})
    prompt: Annotated[str, str_length(limits.MAX_TEXT_LENGTH, 1)]


class PreviewRequest(Model):
    model_config = schema_extra({"params": {"package": "requests"}})
    params: Params = {}
    firing_id: uuid.UUID | None = None
