"""A stage filled as after a year of work: rows written by the stores' own functions.

To be imported once the environment names the stage: the stores read it then.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.domain.blueprint import Blueprint, Kind
from chalicelib.domain.firing import Brief, Firing, Outcome
from chalicelib.domain.log import LogLine, Stream
from chalicelib.domain.prompt_template import PromptTemplate
from chalicelib.domain.repo import Repo, repo_id
from chalicelib.domain.run import Run, State, move, queued
from chalicelib.domain.secret import GLOBAL, Secret
from chalicelib.domain.trigger import HookConfig, ScheduleConfig, Trigger, TriggerType
from chalicelib.integrations.logs import CloudWatchLogs
from chalicelib.settings import settings
from chalicelib.storage import codec
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.connection import Row
from chalicelib.storage.prompt_templates import DynamoPromptTemplates
from chalicelib.storage.repos import DynamoRepos
from chalicelib.storage.rows import blueprint_row, firing_row, hook_row, trigger_row
from chalicelib.storage.runs import record_of
from chalicelib.storage.secrets import DynamoSecrets

LINES = 50_000
OF_THE_FIRST = 60
"""The number of runs of the blueprint whose page is measured."""
ENDS = (State.COMPLETED, State.FAILED, State.COMPLETED, State.CANCELLED, State.PR_OPENED)
URL = "https://example.invalid/acme/service-{}"
BEGAN = datetime.now(UTC)


def fill(runs: int, definitions: int) -> dict[str, str]:
    """Store it all; return the ids of a blueprint, of a run of it, and of one with a long log."""
    owners = [_definition(number) for number in range(definitions)]
    triggers = [trigger for owner in owners for trigger in _triggers(owner)]
    _write([blueprint_row(owner) for owner in owners])
    _write([trigger_row(trigger) for trigger in triggers])
    _write([hook_row(trigger) for trigger in triggers if trigger.hook])
    chosen = [owners[0]] * OF_THE_FIRST + [owners[n % definitions] for n in range(runs)]
    fired = [_run(chosen[number], number) for number in range(runs)]
    blobs = Blobs(settings.bucket, settings.region)
    brief = blobs.keep("", codec.pack(Brief(prompt="Bump it to its newest version.")))
    _write([firing_row(firing, brief) for _, firing in fired])
    _write([record_of(run) for run, _ in fired])
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
        secret = Secret(name=f"SECRET_{number}", scope=GLOBAL, created_at=BEGAN, updated_at=BEGAN)
        DynamoSecrets().put(secret)


def _write(rows: Iterable[Row]) -> None:
    found = list(rows)
    if found:
        with type(found[0]).batch_write() as batch:
            for row in found:
                batch.save(row)


def _definition(number: int) -> Blueprint:
    at, key = BEGAN - timedelta(hours=number), str(uuid.uuid4())
    return Blueprint(
        id=key,
        kind=Kind.REPO_BLUEPRINT,
        name=f"Definition {number}",
        title="Bump {{what}}",
        prompt="Bump {{what}} to its newest version and mend what breaks.",
        created_at=at,
        updated_at=at,
        repo_url=URL.format(number % 40),
        trigger_ids=(str(uuid.uuid4()), str(uuid.uuid4())),
    )


def _triggers(owner: Blueprint) -> list[Trigger]:
    cron, hook = owner.trigger_ids
    made = Trigger(
        id=cron,
        definition_id=owner.id,
        definition_kind=owner.kind.value,
        type=TriggerType.SCHEDULE,
        created_at=owner.created_at,
        updated_at=owner.updated_at,
        schedule=ScheduleConfig(cron="0 3 1 1 *", timezone="Europe/Berlin"),
    )
    after, due = made.upcoming(BEGAN)
    path = HookConfig(path=f"bench-{hook}")
    return [
        replace(made, next_fire_at=after, due_at=due),
        replace(made, id=hook, type=TriggerType.WEBHOOK, schedule=None, hook=path),
    ]


def _run(owner: Blueprint, number: int) -> tuple[Run, Firing]:
    at, key = BEGAN - timedelta(minutes=7 * number), str(uuid.uuid4())
    firing = Firing(
        id=str(uuid.uuid4()),
        occurrence=f"{at:%Y-%m-%dT%H:%M:00Z}",
        outcome=Outcome.FIRED,
        fired_at=at,
        definition_id=owner.id,
        trigger_id=owner.trigger_ids[0],
        trigger_type="schedule",
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
        definition_id=owner.id,
        definition_name=owner.name,
        repo_url=owner.repo_url,
        repo_branch="main",
        attempt=1,
        cost_usd=0.01 * (number % 90),
        started_at=at,
    )
    run = queued(new, by="schedule", message="its schedule fired")
    for state in (State.PROVISIONING, State.RUNNING, ENDS[number % len(ENDS)]):
        at += timedelta(seconds=30 + number % 600)
        run = move(run, state, by="runner", message="reported by the runner", at=at)
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
        logs.write(Stream.of(run, 1), beat)
