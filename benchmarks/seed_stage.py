"""A stage filled as after a year of work: rows written by the stores' own functions.

To be imported once the environment names the stage: the stores read it then.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.domain.blueprints.prompt_template import PromptTemplate
from chalicelib.domain.firing.firing import Brief, Firing, Outcome
from chalicelib.domain.ids import BlueprintId, FiringId, RunId, TriggerId
from chalicelib.domain.repos.repo import Repo, repo_id
from chalicelib.domain.runs.log import LogLine, LogStream
from chalicelib.domain.runs.run import Run, move_run, queue_run
from chalicelib.domain.runs.state import State
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.domain.triggers.trigger import (
    OnSchedule,
    OnWebhook,
    ScheduleSettings,
    Trigger,
    WebhookSettings,
)
from chalicelib.integrations.aws.run_logs import CloudWatchLogs
from chalicelib.settings import settings
from chalicelib.storage.blueprint_rows import (
    blueprint_record,
    firing_record,
    trigger_record,
    webhook_listener_record,
)
from chalicelib.storage.dynamo import codec
from chalicelib.storage.dynamo.connection import Row
from chalicelib.storage.prompt_templates import DynamoPromptTemplates
from chalicelib.storage.repos import DynamoRepos
from chalicelib.storage.runs.runs import to_record
from chalicelib.storage.s3.blobs import Blobs
from chalicelib.storage.secrets import DynamoSecrets

LINES = 50_000
OF_THE_FIRST = 60
"""The number of runs of the blueprint whose page is measured."""
ENDS = (State.COMPLETED, State.FAILED, State.COMPLETED, State.CANCELLED, State.PR_OPENED)
URL = "https://example.invalid/acme/service-{}"
BEGAN = datetime.now(UTC)


def fill(runs: int, blueprints: int) -> dict[str, str]:
    """Store it all; return the ids of a blueprint, of a run of it, and of one with a long log."""
    owners = [_definition(number) for number in range(blueprints)]
    triggers = [trigger for owner in owners for trigger in _triggers(owner)]
    _write([blueprint_record(owner) for owner in owners])
    _write([trigger_record(trigger) for trigger in triggers])
    webhooks = [trigger for trigger in triggers if isinstance(trigger, OnWebhook)]
    _write([webhook_listener_record(trigger) for trigger in webhooks])
    chosen = [owners[0]] * OF_THE_FIRST + [owners[n % blueprints] for n in range(runs)]
    fired = [_run(chosen[number], number) for number in range(runs)]
    blobs = Blobs(settings.bucket, settings.region)
    brief = blobs.store_content("", codec.pack_json(Brief(prompt="Bump it to its newest version.")))
    _write([firing_record(firing, brief) for _, firing in fired])
    _write([to_record(run) for run, _ in fired])
    talker = fired[1][0]
    _talk(talker)
    _settle()
    return {"definition": owners[0].id, "run": fired[0][0].id, "talker": talker.id}


def _settle() -> None:
    """Store what a stage has few of."""
    for number in range(40):
        url = URL.format(number)
        key = repo_id(url)
        DynamoRepos().add(Repo(id=key, url=url, created_at=BEGAN, updated_at=BEGAN))
    for number in range(30):
        text = f"Do the thing {number} with {{{{what}}}}."
        new = PromptTemplate(
            id=str(uuid.uuid4()),
            name=f"Template {number}",
            template=text,
            created_at=BEGAN,
            updated_at=BEGAN,
        )
        DynamoPromptTemplates().add(new, None)
    for number in range(20):
        secret = Secret(
            name=f"SECRET_{number}", scope=GLOBAL_SCOPE, created_at=BEGAN, updated_at=BEGAN
        )
        DynamoSecrets().put(secret)


def _write(rows: Iterable[Row]) -> None:
    row_list = list(rows)
    if row_list:
        with type(row_list[0]).batch_write() as batch:
            for row in row_list:
                batch.save(row)


def _definition(number: int) -> Blueprint:
    at = BEGAN - timedelta(hours=number)
    return Blueprint(
        id=BlueprintId(str(uuid.uuid4())),
        kind=Kind.REPO_BLUEPRINT,
        name=f"Definition {number}",
        title="Bump {{what}}",
        prompt="Bump {{what}} to its newest version and mend what breaks.",
        created_at=at,
        updated_at=at,
        repo_url=URL.format(number % 40),
        trigger_ids=(TriggerId(str(uuid.uuid4())), TriggerId(str(uuid.uuid4()))),
    )


def _triggers(owner: Blueprint) -> list[Trigger]:
    cron, webhook_id = owner.trigger_ids
    schedule = OnSchedule(
        id=cron,
        blueprint_id=owner.id,
        blueprint_kind=owner.kind.value,
        created_at=owner.created_at,
        updated_at=owner.updated_at,
        schedule=ScheduleSettings(cron="0 3 1 1 *", timezone="Europe/Berlin"),
    )
    after, due = schedule.next_times(BEGAN)
    webhook = OnWebhook(
        id=webhook_id,
        blueprint_id=owner.id,
        blueprint_kind=owner.kind.value,
        created_at=owner.created_at,
        updated_at=owner.updated_at,
        webhook=WebhookSettings(path=f"bench-{webhook_id}"),
    )
    return [replace(schedule, next_fire_at=after, due_at=due), webhook]


def _run(owner: Blueprint, number: int) -> tuple[Run, Firing]:
    at, key = BEGAN - timedelta(minutes=7 * number), RunId(str(uuid.uuid4()))
    firing = Firing(
        id=FiringId(str(uuid.uuid4())),
        occurrence=f"{at:%Y-%m-%dT%H:%M:00Z}",
        outcome=Outcome.FIRED,
        fired_at=at,
        blueprint_id=owner.id,
        trigger_id=owner.trigger_ids[0],
        trigger_type=TriggerType.SCHEDULE,
        run_id=key,
        lateness_ms=number % 900,
    )
    new = Run(
        id=key,
        type=Kind.REPO_TASK.value,
        title=f"Bump dependency {number}",
        firing_id=firing.id,
        created_at=at,
        updated_at=at,
        blueprint_id=owner.id,
        blueprint_name=owner.name,
        repo_url=owner.repo_url,
        repo_branch="main",
        attempt=1,
        cost_usd=0.01 * (number % 90),
        started_at=at,
    )
    run = queue_run(new, by="schedule", message="its schedule fired")
    for state in (State.PROVISIONING, State.RUNNING, ENDS[number % len(ENDS)]):
        at += timedelta(seconds=30 + number % 600)
        run = move_run(run, state, by="runner", message="reported by the runner", at=at)
    return run, firing


def _talk(run: Run) -> None:
    """Write a log as long as that of a verbose build, in heartbeats as a runner sends them."""
    logs = CloudWatchLogs(settings.log_group, settings.region)
    for first in range(1, LINES, 2000):
        beat = [
            LogLine(
                seq=seq,
                timestamp=run.created_at,
                log_type=("text", "tool_use", "tool_result")[seq % 3],
                content=f"step {seq}: looking at module {seq % 97} and what depends on it",
            )
            for seq in range(first, first + 2000)
        ]
        logs.write_lines(LogStream.of_attempt(run, 1), beat)
