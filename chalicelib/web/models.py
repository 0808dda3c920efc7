"""What requests may say. Every fault of a request comes back in one answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as Refused
from pydantic.alias_generators import to_camel

from chalicelib.domain import cron, repo, schedule
from chalicelib.domain.blueprint import AGENTS
from chalicelib.domain.errors import Fault, Invalid

MEANINGLESS = ("environmentSpec", "budgetUsd", "maxPodInstances", "maxAgentsPerPod", "warmPoolSize")
"""Fields of Optio that mean nothing here: accepted, not stored, and named in `warnings`."""

Agent = Literal["claude-code", "codex", "copilot", "gemini", "opencode", "command"]
assert set(AGENTS) == set(Agent.__args__)  # type: ignore[attr-defined]


def _told(check: Any) -> Any:
    def validate(text: str) -> str:
        try:
            found = check(text)
        except Invalid as error:
            raise ValueError(error.message) from None
        return found if isinstance(found, str) else text

    return AfterValidator(validate)


def _branch(text: str) -> str:
    bad = text.startswith(("-", "/", ".")) or text.endswith(("/", ".", ".lock"))
    if bad or ".." in text or "@{" in text or any(c in " ~^:?*[\\" or ord(c) < 33 for c in text):
        raise Invalid(f"{text!r} is not a name that git allows for a branch")
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=256 * 1024)]
Script = Annotated[str, StringConstraints(min_length=1, max_length=64 * 1024)]
RepoUrl = Annotated[str, StringConstraints(max_length=1000), _told(repo.normal_url)]
Branch = Annotated[str, StringConstraints(min_length=1, max_length=200), _told(_branch)]
VariableName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)
]
Variables = Annotated[
    dict[VariableName, Annotated[str, StringConstraints(max_length=4096)]], Field(max_length=50)
]


class Model(BaseModel):
    """A request: camelCase, and nothing that we do not know."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", populate_by_name=False)


class ScheduleConfig(Model):
    cron_expression: Annotated[str, StringConstraints(max_length=256), _told(cron.parse_cron)]
    timezone: Annotated[str, StringConstraints(max_length=64), _told(schedule.parse_zone)] = "UTC"
    catch_up_policy: Literal["one", "skip", "all"] = "one"
    jitter_seconds: Annotated[int, Field(ge=0, le=3600, strict=True)] = 0
    start_at: datetime | None = None
    end_at: datetime | None = None


class ScheduleTrigger(Model):
    type: Literal["schedule"]
    config: ScheduleConfig
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class NoConfig(Model):
    pass


class ManualTrigger(Model):
    type: Literal["manual"]
    config: NoConfig = NoConfig()
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


AnyTrigger = Annotated[ScheduleTrigger | ManualTrigger, Field(discriminator="type")]


class NewTrigger(Model):
    """A wrapper, so that each kind of trigger is told by its `type`."""

    trigger: AnyTrigger


class TriggerPatch(Model):
    config: dict[str, Any] | None = None
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class Definition(Model):
    """The fields of a task, and of a definition."""

    name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=4000)] = ""
    title: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    prompt: Annotated[Text, StringConstraints(min_length=1)]
    repo_url: RepoUrl | None = None
    repo_branch: Branch | None = None
    agent_type: Agent | None = None
    agent_command: Script | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    max_turns: Annotated[int, Field(ge=1, le=10000, strict=True)] | None = None
    timeout_minutes: Annotated[int, Field(ge=1, le=600, strict=True)] = 60
    max_retries: Annotated[int, Field(ge=0, le=10, strict=True)] | None = None
    priority: Annotated[int, Field(ge=1, le=1000, strict=True)] = 100
    max_concurrent: Annotated[int, Field(ge=1, le=1000, strict=True)] = 2
    environment: Variables = {}
    enabled: Annotated[bool, Field(strict=True)] = True


class NewTask(Definition):
    type: Literal["repo-task", "repo-blueprint", "standalone"] = "repo-task"
    triggers: Annotated[list[AnyTrigger], Field(max_length=20)] = []


class RunRequest(Model):
    params: dict[str, Any] = {}


class ResumeRequest(Model):
    prompt: Annotated[Text, StringConstraints(min_length=1)]


class RepoFields(Model):
    setup_commands: Script | None = None
    environment: Variables = {}
    default_branch: Branch | None = None
    default_agent_type: Agent | None = None
    max_concurrent_tasks: Annotated[int, Field(ge=1, le=1000, strict=True)] = 2


class NewRepo(RepoFields):
    repo_url: RepoUrl


M = TypeVar("M", bound=BaseModel)


def parsed(model: type[M], body: dict[str, Any], prefix: str = "") -> M:
    """Return the request that `body` is, or raise `Invalid` with every fault it has."""
    try:
        return model.model_validate(body)
    except Refused as refused:
        faults = [_fault(error, prefix) for error in refused.errors()]
        raise Invalid(f"{faults[0].field}: {faults[0].message}", faults=faults) from None


def _fault(error: Any, prefix: str) -> Fault:
    known = ("schedule", "manual")
    parts = [str(part) for part in error["loc"]]
    kept = [p for i, p in enumerate(parts) if not (p in known and i and _inside(parts, i))]
    field = ".".join(kept).removeprefix("trigger.")
    message = "is not a field that we know" if error["type"] == "extra_forbidden" else error["msg"]
    return Fault(f"{prefix}{field}", str(message).removeprefix("Value error, "))


def _inside(parts: list[str], index: int) -> bool:
    return parts[index - 1].isdigit() or parts[index - 1] == "trigger"
