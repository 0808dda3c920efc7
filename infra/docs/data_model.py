"""The page of the data model, made from the records; the purpose of each part is stated here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.storage.records import TABLE_RECORDS
from infra.dev.emulator import ROOT
from infra.package.resources import Template, table_id, template

PURPOSES = {
    "blueprints": "Blueprints of both types.",
    "triggers": "Triggers, with their next fire time.",
    "firings": "The ledger: one record per occurrence or gap, with its brief (prompt and params).",
    "runs": "Runs, with their state, history and due time.",
    "hooks": "Paths of webhook triggers: finds the trigger of a delivery by its path.",
    "templates": "Prompt templates; `links` holds the ids of blueprints that use one.",
    "pulses": "Markers with a time, such as the last tick, which the health check reads.",
    "slots": "Run sets: slots, active runs, open pull requests, runs by branch or label."
    " A row may also be a queue that waits for a slot of the stage, or a gate of a blueprint.",
    "claims": "Claims on identities: a repeated request or delivery finds its first result.",
    "repos": "Repos and their settings.",
    "secrets": "Names of secrets; the values are in Secrets Manager.",
    "keys": "API keys and sessions, by the hash of their token.",
    "providers": "Ticket providers, with the progress of their sync and its next time.",
    "webhooks": "Webhook endpoints. All are in one partition, so one query finds those to notify.",
    "deliveries": "Outgoing deliveries per webhook endpoint, with their next attempt.",
    "activity": "The audit log.",
    "counters": "Counters of attempts within a time span, such as failed sign-ins.",
}
INDEX_PURPOSES = {
    "blueprints.newest": "the list of blueprints by age",
    "triggers.due": "the tick: triggers to fire next",
    "triggers.of_source": "the triggers that wait for tickets of a source; no firing writes it",
    "firings.of_definition": "the ledger of a blueprint",
    "firings.of_trigger": "the ledger of a trigger, and what became of a given time",
    "runs.due": "the tick: runs whose next step is due",
    "runs.waiting": "admission: the queued runs of a queue by rank",
    "runs.newest": "the list of all runs by age, in shards",
    "runs.of_definition": "the runs of a blueprint, and failures in a row",
    "runs.in_state": "lists by state. A run enters it with its first change, not when it fires",
    "runs.of_repo": "lists by repo. A run enters it with its first change, not when it fires",
    "slots.stage_queue": "admission: the queues that wait for a slot of the stage, by rank",
    "templates.newest": "the list of prompt templates",
    "keys.newest": "the list of API keys",
    "providers.due": "the tick: providers to sync next",
    "deliveries.due": "the tick: deliveries to try next",
    "activity.of_object": "the audit log of one object",
    "activity.below": "the audit log of an object's parts",
    "activity.of_actor": "the audit log of one key",
    "activity.of_action": "the audit log of one kind of action",
}
"""A `KeyError` here means that a table or an index has no stated purpose yet."""
PAGE = ROOT / "docs" / "reference" / "data-model.md"
MARK = "<!-- The tables below are made by `make docs`. -->"


def data_model_page() -> str:
    """Return the page: its own introduction, then the tables."""
    head = PAGE.read_text().partition(MARK)[0]
    resources = template()["Resources"]
    described = [(table, resources[table_id(table)]["Properties"]) for table in TABLE_RECORDS]
    return "\n".join(
        [f"{head}{MARK}\n", *(line for pair in described for line in _table_lines(*pair))]
    )


def _table_lines(table: Any, described: Template) -> Iterator[str]:
    name = described["TableName"].rpartition("-")[2]
    held = sorted(
        {attribute.attr_name for attribute in table.get_attributes().values()}
        - set(_key_names(described["KeySchema"]))
    )
    yield f"## `{name}`\n\n{PURPOSES[name]}\n"
    yield f"Key: {_shown_key(described['KeySchema'])}. Other attributes: {_code(held)}.\n"
    indexes = described.get("GlobalSecondaryIndexes", ())
    if indexes:
        yield "| index | key | holds | used for |\n|---|---|---|---|"
        for index in sorted(indexes, key=lambda index: str(index["IndexName"])):
            purpose = INDEX_PURPOSES[f"{name}.{index['IndexName']}"]
            key = _shown_key(index["KeySchema"])
            yield f"| `{index['IndexName']}` | {key} | {_projection(index)} | {purpose} |"
        yield ""


def _key_names(schema: list[Template]) -> list[str]:
    return [part["AttributeName"] for part in schema]


def _shown_key(schema: list[Template]) -> str:
    return " and ".join(f"`{name}`" for name in _key_names(schema))


def _projection(index: Template) -> str:
    projection = index["Projection"]
    if projection["ProjectionType"] == "INCLUDE":
        return f"keys and {_code(sorted(projection['NonKeyAttributes']))}"
    return "keys" if projection["ProjectionType"] == "KEYS_ONLY" else "all"


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
