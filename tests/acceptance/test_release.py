"""`make deploy` in difficult cases: declined, failed half-way, without a key."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from chalicelib.domain.access.key import Role, key_id, token_digest
from chalicelib.settings import settings
from chalicelib.storage.keys import DynamoKeys
from chalicelib.storage.records import TABLE_RECORDS, KeyRecord
from infra.package.cloud_runner import cloud_runner
from infra.package.resources import _table
from infra.release import (
    change_sets,
    data_key,
    operator_cli,
    orphaned_resources,
    release,
)
from infra.release.deploy import Target
from tests.support.release_target import QUEUE, says, target

__all__ = ["target"]


def table_of(template: dict[str, Any]) -> dict[str, Any]:
    made = template["Properties"]
    known = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema")
    more = ("GlobalSecondaryIndexes", "DeletionProtectionEnabled")
    return {name: made[name] for name in (*known, *more) if name in made}


def proposed(target: Target) -> list[Any]:
    formation = target.client("cloudformation")
    return list(formation.list_change_sets(StackName=target.stack)["Summaries"])


def test_a_first_deploy_that_is_said_no_to_leaves_nothing(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    says(monkeypatch, "n")
    with pytest.raises(SystemExit, match="nothing was changed"):
        release.upgrade(target, QUEUE)
    assert target.status() is None


def test_a_change_that_is_said_no_to_leaves_no_change_set_and_the_stage_as_it_was(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    says(monkeypatch, "y")
    release.upgrade(target, QUEUE)
    before = proposed(target)
    says(monkeypatch, "")
    more = {"Resources": {**QUEUE["Resources"], "More": {"Type": "AWS::SQS::Queue"}}}
    with pytest.raises(SystemExit):
        release.upgrade(target, more)
    assert target.status() == "CREATE_COMPLETE"
    assert proposed(target) == before


def test_a_stack_that_was_only_proposed_is_created_not_updated(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    """CloudFormation answers an update of such a stack that it does not exist."""
    target.client("cloudformation").create_change_set(
        StackName=target.stack,
        ChangeSetName="left-by-a-closed-terminal",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(QUEUE),
    )
    assert target.status() == "REVIEW_IN_PROGRESS"
    assert not target.exists()
    found = change_sets.propose(target, QUEUE)
    assert found
    assert found.creates


@pytest.mark.parametrize(
    "status, help",
    [
        ("ROLLBACK_COMPLETE", "make destroy STAGE=test` removes it, and with DATA=delete"),
        ("DELETE_FAILED", "Do `make destroy STAGE=test` again"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name optio-test"),
        ("CREATE_IN_PROGRESS", "wait until it is over"),
    ],
)
def test_a_stack_that_takes_no_change_is_refused_with_what_helps(
    target: Target, monkeypatch: pytest.MonkeyPatch, status: str, help: str
):
    monkeypatch.setattr(Target, "status", lambda self: status)
    with pytest.raises(SystemExit, match=f"is {status}: .*{help}"):
        release.deploy(target)


def event(name: str, status: str, reason: str = "") -> dict[str, Any]:
    told = {"ResourceStatusReason": reason} if reason else {}
    return {"LogicalResourceId": name, "ResourceStatus": status, **told}


def test_the_reason_of_a_failure_is_of_this_attempt_not_of_an_older_one(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    newest_first = [
        [
            event("optio-test", "UPDATE_ROLLBACK_COMPLETE"),
            event("Fire", "UPDATE_FAILED", "Resource update cancelled"),
            event("RunsTable", "UPDATE_FAILED", "only one index at a time"),
        ],
        [
            event("optio-test", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("optio-test", "CREATE_COMPLETE"),
            event("BlobsBucket", "CREATE_FAILED", "of last year"),
        ],
    ]

    class Formation:
        def get_paginator(self, call: str) -> Formation:
            return self

        def paginate(self, **asked: str) -> Iterator[dict[str, Any]]:
            yield from ({"StackEvents": page} for page in newest_first)

    monkeypatch.setattr(Target, "client", lambda self, service: Formation())
    monkeypatch.setattr(Target, "status", lambda self: "UPDATE_ROLLBACK_COMPLETE")
    events: Any = SimpleNamespace(print_new=lambda: None)
    with pytest.raises(change_sets.Undeployable, match="RunsTable: only one index at a time"):
        change_sets._await(target, events, "UPDATE_COMPLETE", failed=("ROLLBACK_COMPLETE",))


def test_what_an_earlier_stage_left_is_found_and_deleted_among_hundreds_of_others(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPTIO_BUCKET", "optio-test-blobs")
    dynamodb, s3 = target.client("dynamodb"), target.client("s3")
    for number in range(120):
        dynamodb.create_table(
            TableName=f"another-{number:03}",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
    made = table_of(_table(TABLE_RECORDS[0]))
    dynamodb.create_table(**made)
    s3.create_bucket(Bucket="optio-test-blobs")
    for number in range(3):
        s3.put_object(Bucket="optio-test-blobs", Key=f"firings/{number}", Body=b"x")
    secret = f"{settings.secrets_prefix}global/API_KEY"
    target.client("secretsmanager").create_secret(Name=secret, SecretString="k")
    data_key.ensure_data_key(target)

    with pytest.raises(
        SystemExit, match=f"{made['TableName']}.*optio-test-blobs.*API_KEY.*data-key"
    ):
        release.deploy(target)
    orphaned_resources.delete(target)
    orphaned_resources.delete(target)
    assert not orphaned_resources.of(target)
    assert (
        len(list(orphaned_resources._pages(target, "dynamodb", "list_tables", "TableNames"))) == 120
    )


def test_a_stage_in_another_region_has_buckets_of_its_own(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    here = target.bucket
    role = json.dumps(cloud_runner()["RunnerRole"])
    assert (
        here.replace(target.account, "${AWS::AccountId}").replace(settings.region, "${AWS::Region}")
        in role
    )
    monkeypatch.setenv("AWS_REGION", "ap-southeast-2")
    assert target.bucket != here
    longest = Target(None, "a" * 20)
    assert len(longest.bucket) <= 63


def test_a_region_of_the_profile_is_taken_and_none_is_asked_for(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text("[profile work]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(SystemExit, match="set AWS_REGION"):
        operator_cli.target()
    monkeypatch.setenv("AWS_PROFILE", "work")
    operator_cli.target()
    assert settings.region == os.environ["AWS_DEFAULT_REGION"] == "eu-north-1"


def test_whoever_holds_the_account_gets_another_admin_key_of_a_stage_that_is_there(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit, match="no stage test here"):
        release.key(target)
    says(monkeypatch, "y")
    release.upgrade(target, QUEUE)
    KeyRecord.create_table(billing_mode="PAY_PER_REQUEST", wait=True)
    release.key(target)
    (token,) = re.findall(r"once: (\S+)", capsys.readouterr().out)
    kept = DynamoKeys().find_by_id(key_id(token_digest(token)))
    assert kept
    assert kept.role is Role.ADMIN


@pytest.mark.parametrize("stage", ["", "Prod", "1st", "prod\n", "a" * 21])
def test_a_name_that_is_no_stage_is_refused(stage: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAGE", stage)
    with pytest.raises(SystemExit, match="set STAGE=name"):
        operator_cli.target()


def test_without_credentials_a_command_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    def denied(self: Target, service: str) -> object:
        raise NoCredentialsError

    monkeypatch.setattr(Target, "client", denied)
    with pytest.raises(SystemExit, match="AWS: Unable to locate credentials"):
        release.main()


def test_the_address_that_is_told_is_one_that_answers(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The name of the gateway's stage is part of each address, whatever paths begin with."""
    where = "https://x.execute-api.us-east-1.amazonaws.com/api/"
    monkeypatch.setattr(Target, "outputs", lambda self: {"EndpointURL": where})
    monkeypatch.setattr(Target, "has_keys", lambda self: True)
    monkeypatch.setattr(Target, "note_start", lambda self: None)
    release._tell(target)
    assert "  https://x.execute-api.us-east-1.amazonaws.com/api\n" in capsys.readouterr().out


@pytest.fixture
def half_upgraded(target: Target, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return a table of a stage, and one that an upgrade left which was rolled back."""
    says(monkeypatch, "y")
    old, new = (_table(one) for one in (KeyRecord, TABLE_RECORDS[0]))
    release.upgrade(target, {"Resources": {"KeysTable": old}})
    target.client("dynamodb").create_table(**table_of(new))

    def build(out: object) -> str:
        raise InterruptedError

    monkeypatch.setattr(release, "build", build)
    monkeypatch.setenv("OPTIO_LAMBDA_LIMIT", "10")
    return old["Properties"]["TableName"], new["Properties"]["TableName"]


def test_an_empty_table_of_an_upgrade_that_failed_is_in_the_way_of_no_other(
    target: Target, half_upgraded: tuple[str, str], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(InterruptedError):
        release.deploy(target)
    assert orphaned_resources.of(target).tables == [half_upgraded[0]]
    assert f"left the table {half_upgraded[1]}, empty" in capsys.readouterr().out


def test_a_table_with_rows_that_is_no_part_of_the_stage_is_not_touched(
    target: Target, half_upgraded: tuple[str, str]
):
    row = {"id": {"S": "1"}}
    target.client("dynamodb").put_item(TableName=half_upgraded[1], Item=row)
    with pytest.raises(
        SystemExit, match=f"{half_upgraded[1]} does not belong to the stage and holds"
    ):
        release.deploy(target)
    assert set(orphaned_resources.of(target).tables) == set(half_upgraded)


@pytest.mark.parametrize(
    "region, partition, host",
    [
        ("us-east-1", "aws", "s3.us-east-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "s3.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "s3.us-gov-west-1.amazonaws.com"),
    ],
)
def test_packages_and_templates_lie_in_the_part_of_aws_that_the_region_is_of(
    monkeypatch: pytest.MonkeyPatch, region: str, partition: str, host: str
):
    monkeypatch.setenv("AWS_REGION", region)
    asked: dict[str, Any] = {}

    class Storage:
        def __getattr__(self, call: str) -> Any:
            return lambda **named: asked.update({call: named})

    monkeypatch.setattr(Target, "client", lambda self, service: Storage())
    monkeypatch.setattr(Target, "account", "123456789012")
    url = Target(None, "test").put_template(QUEUE)
    assert url.startswith(f"https://{host}/optio-test-123456789012-{region}-code/")
    (statement,) = json.loads(asked["put_bucket_policy"]["Policy"])["Statement"]
    assert {one.split(":")[1] for one in statement["Resource"]} == {partition}
