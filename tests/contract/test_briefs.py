"""Briefs in DynamoDB and S3, kept for longer than their record would be."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

import boto3
import pytest

from chalicelib import wiring
from chalicelib.actions.runs import runs
from chalicelib.domain.blueprints.blueprint import Blueprint, Kind
from chalicelib.settings import settings
from chalicelib.storage.records import FiringRecord
from tests.conftest import NOON


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_brief_that_is_kept_longer_is_written_again_with_all_that_it_holds(aws: None, size: int):
    world = wiring.Wiring()
    prompt = secrets.token_hex(size // 2)
    task = Blueprint(
        id="ad-hoc",
        kind=Kind.STANDALONE,
        name="t",
        title="t",
        prompt=prompt,
        agent_type="command",
        agent_command="true",
        created_at=NOON,
        updated_at=NOON,
    )
    run = runs.start_run(world, task, {}, stored=False)
    before = world.firings.get_brief(run.firing_id)
    written = stored_at()
    time.sleep(1.1)

    until = world.now() + timedelta(days=300)
    world.firings.extend_retention(run.firing_id, until)

    assert world.firings.get_brief(run.firing_id) == before
    assert FiringRecord.get(run.firing_id).expires_at == int(until.timestamp())
    assert (size > 1000) is bool(written)
    assert all(now > then for now, then in zip(stored_at(), written, strict=True))


def stored_at() -> list[object]:
    listed = boto3.client("s3").list_objects_v2(Bucket=settings.bucket).get("Contents", [])
    return [one["LastModified"] for one in listed]


def test_a_record_that_is_gone_is_not_made_again(aws: None):
    world = wiring.Wiring()
    world.firings.extend_retention("00000000-0000-4000-8000-000000000000", world.now())
    assert not list(FiringRecord.scan())
