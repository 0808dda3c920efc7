"""What requests may say. Every fault of a request comes back in one answer."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as Refused
from pydantic.alias_generators import to_camel

from chalicelib import wiring
from chalicelib.actions.hooks import query as query_of
from chalicelib.domain import cron, repo, schedule, secret
from chalicelib.domain.blueprint import AGENTS
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.hook import MOST_SECRETS, PRESETS, SHORTEST_SECRET

MEANINGLESS = ("environmentSpec", "budgetUsd", "maxPodInstances", "maxAgentsPerPod", "warmPoolSize")
"""Fields of Optio that mean nothing here: accepted, not stored, and named in `warnings`."""

Agent = Literal["claude-code", "codex", "copilot", "gemini", "opencode", "command"]
assert set(AGENTS) == set(Agent.__args__)  # type: ignore[attr-defined]


def _told(check: Any) -> Any:
    def validate(given: Any) -> Any:
        try:
            found = check(given)
        except Invalid as error:
            raise ValueError(error.message) from None
        return found if isinstance(found, type(given)) else given

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


def _query(text: str) -> str:
    wiring.world().expressions.check_query(text)
    return text


def _path(text: str) -> str:
    if text != "$" and not text.startswith("$."):
        raise Invalid(f"{text!r} is not supported: write `$.` and a JMESPath, or `$`")
    if text != "$":
        _query(query_of(text))
    return text


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type", "object") != "object":
        raise Invalid("params are an object, so the type of their schema is, too")
    wiring.world().expressions.check_schema(schema)
    return schema


Secret = Annotated[str, StringConstraints(min_length=SHORTEST_SECRET, max_length=500)]
Secrets = Annotated[list[Secret], Field(min_length=1, max_length=MOST_SECRETS)]
Query = Annotated[str, StringConstraints(min_length=1, max_length=1024), _told(_query)]
Path = Annotated[str, StringConstraints(min_length=1, max_length=1024), _told(_path)]
Schema = Annotated[dict[str, Any], _told(_schema)]
SecretName = Annotated[str, StringConstraints(max_length=128), _told(secret.checked_name)]
SecretNames = Annotated[list[SecretName], Field(max_length=50)]
EventName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Signature = Literal[
    "optio",
    "github",
    "gitlab",
    "sentry",
    "linear",
    "jira",
    "stripe",
    "slack",
    "pagerduty",
    "standard-webhooks",
    "notion",
    "token",
]
assert set(PRESETS) == set(Signature.__args__)  # type: ignore[attr-defined]


class Model(BaseModel):
    """A request: camelCase, and nothing that we do not know."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", populate_by_name=False)


class ScheduleConfig(Model):
    cron_expression: Annotated[str, StringConstraints(max_length=256), _told(cron.parse_cron)]
    timezone: Annotated[str, StringConstraints(max_length=64), _told(schedule.parse_zone)] = "UTC"
    overlap_policy: Literal["allow", "skip", "buffer_one", "cancel_other"] = "allow"
    catch_up_policy: Literal["one", "skip", "all"] = "one"
    jitter_seconds: Annotated[int, Field(ge=0, le=3600, strict=True)] = 0
    start_at: datetime | None = None
    end_at: datetime | None = None


class ScheduleTrigger(Model):
    type: Literal["schedule"]
    config: ScheduleConfig
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class HookConfig(Model):
    path: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
    secret: Secret | Secrets | None = None
    signature: Signature = "optio"
    filter: Query | None = None
    events: Annotated[list[EventName], Field(max_length=100)] = []

    @property
    def secrets(self) -> list[str]:
        """The secrets that it names, none where it leaves them alone."""
        if self.secret is None:
            return []
        return [self.secret] if isinstance(self.secret, str) else self.secret


class WebhookTrigger(Model):
    type: Literal["webhook"]
    config: HookConfig
    param_mapping: Annotated[dict[str, Path], Field(max_length=100)] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


class NoConfig(Model):
    pass


class ManualTrigger(Model):
    type: Literal["manual"]
    config: NoConfig = NoConfig()
    param_mapping: dict[str, Any] | None = None
    enabled: Annotated[bool, Field(strict=True)] = True


AnyTrigger = Annotated[
    ScheduleTrigger | WebhookTrigger | ManualTrigger, Field(discriminator="type")
]


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
    prompt: Text = ""
    prompt_template_id: uuid.UUID | None = None
    params_schema: Schema | None = None
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
    secrets: SecretNames = []
    environment: Variables = {}
    enabled: Annotated[bool, Field(strict=True)] = True


class NewTask(Definition):
    type: Literal["repo-task", "repo-blueprint", "standalone"] = "repo-task"
    triggers: Annotated[list[AnyTrigger], Field(max_length=20)] = []


class RunRequest(Model):
    params: dict[str, Any] = {}


class ResumeRequest(Model):
    prompt: Annotated[Text, StringConstraints(min_length=1)]


class PreviewRequest(Model):
    params: dict[str, Any] = {}
    firing_id: uuid.UUID | None = None


class NewPromptTemplate(Model):
    name: Name
    template: Annotated[Text, StringConstraints(min_length=1)]
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,64}$")] = "prompt"
    description: Annotated[str, StringConstraints(max_length=4000)] = ""
    params_schema: Schema | None = None
    default_agent_type: Agent | None = None


class SecretValue(Model):
    value: Annotated[str, StringConstraints(max_length=64 * 1024)]
    scope: Annotated[str, StringConstraints(max_length=1000)] = "global"


class RepoFields(Model):
    setup_commands: Script | None = None
    secrets: SecretNames = []
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
    known = ("schedule", "webhook", "manual", "ticket")
    parts = [str(part) for part in error["loc"]]
    kept = [p for i, p in enumerate(parts) if not (p in known and i and _inside(parts, i))]
    field = ".".join(kept).removeprefix("trigger.")
    message = "is not a field that we know" if error["type"] == "extra_forbidden" else error["msg"]
    return Fault(f"{prefix}{field}", str(message).removeprefix("Value error, "))


def _inside(parts: list[str], index: int) -> bool:
    return parts[index - 1].isdigit() or parts[index - 1] == "trigger"
