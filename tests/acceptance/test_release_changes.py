"""A deploy and a destroy show their work, and ask before they change anything."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.settings import settings
from infra.package import resources
from infra.release import change_sets, deploy, orphaned_resources, release
from infra.release.change_sets import ChangeSet, Step
from infra.release.deploy import Target
from tests.support.operator_calls import find_refused, policy_actions
from tests.support.release_target import QUEUE, says, target

__all__ = ["target"]
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Runtime": "python3.11", "CodeUri": {"Bucket": "code", "Key": "1f2e.zip"}},
}


def test_each_event_of_a_stack_is_printed_once_as_it_comes(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    says(monkeypatch, "y")
    release.upgrade(target, QUEUE)
    first = capsys.readouterr().out
    began, ended = (f" {word} optio-test (" for word in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"))
    assert (first.count(began), first.count(ended)) == (1, 1)
    assert first.index(began) < first.index(ended)

    release.upgrade(
        target, {"Resources": {**QUEUE["Resources"], "More": QUEUE["Resources"]["Queue"]}}
    )
    second = capsys.readouterr().out
    assert second.count(" UPDATE_COMPLETE optio-test (") == 1
    assert "CREATE_" not in second


def test_a_failure_is_printed_with_its_reason(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    says(monkeypatch, "y")
    release.upgrade(target, QUEUE)
    events = change_sets.StackEvents(target)
    failed = {
        "EventId": "newest",
        "Timestamp": target.client("cloudformation").describe_stacks()["Stacks"][0]["CreationTime"],
        "LogicalResourceId": "Tick",
        "ResourceType": "AWS::Lambda::Function",
        "ResourceStatus": "CREATE_FAILED",
        "ResourceStatusReason": "no such runtime",
    }
    older = list(events._newest_first())
    monkeypatch.setattr(events, "_newest_first", lambda: iter([failed, *older]))
    capsys.readouterr()
    events.print_new()
    assert capsys.readouterr().out.endswith(
        " CREATE_FAILED Tick (AWS::Lambda::Function): no such runtime\n"
    )


@pytest.mark.parametrize(
    "replacement, of_table, of_gateway",
    [
        ("True", "   REPLACED: what it holds is lost", "   replaced"),
        ("Conditional", "   may be REPLACED: what it holds would be lost", "   may be replaced"),
        ("False", "", ""),
    ],
)
def test_what_is_or_may_be_replaced_is_marked(
    replacement: str, of_table: str, of_gateway: str, capsys: pytest.CaptureFixture[str]
):
    steps = tuple(
        Step(action="Modify", name=name, kind=kind, replacement=replacement)
        for name, kind in (("API", "AWS::ApiGateway::RestApi"), ("T", "AWS::DynamoDB::Table"))
    )
    release.show(ChangeSet(identity="1", creates=False, steps=steps))
    assert capsys.readouterr().out.splitlines() == [
        f"  ~ API (AWS::ApiGateway::RestApi){of_gateway}",
        f"  ~ T (AWS::DynamoDB::Table){of_table}",
    ]


def test_another_python_is_asked_about_before_anything_changes(
    target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    newer = {**FUNCTION, "Properties": {**FUNCTION["Properties"], "Runtime": "python3.14"}}
    monkeypatch.setattr(Target, "template", lambda self: {"Resources": {"Tick": FUNCTION}})
    says(monkeypatch, "n")
    with pytest.raises(SystemExit, match="nothing was changed"):
        release.upgrade(target, {"Resources": {"Tick": newer}})
    assert "run python3.11; this package was built by, and will run python3.14" in (
        capsys.readouterr().out
    )
    assert not target.client("cloudformation").list_stacks()["StackSummaries"]


def test_the_deployed_package_is_known_without_a_tag(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    assert target.deployed_package() is None
    monkeypatch.setattr(Target, "template", lambda self: {"Resources": {"Tick": FUNCTION}})
    assert target.deployed_package() == "1f2e"


def test_no_tag_of_a_stack_changes_with_its_package(
    target: Target, monkeypatch: pytest.MonkeyPatch
):
    says(monkeypatch, "y")
    release.upgrade(target, QUEUE)
    (stack,) = target.client("cloudformation").describe_stacks()["Stacks"]
    assert stack["Tags"] == []


def test_a_bucket_whose_name_s3_still_deletes_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(deploy, "BUCKET_WAIT_SECONDS", 0.0)
    busy = ClientError(
        {"Error": {"Code": "OperationAborted", "Message": "conflict"}}, "CreateBucket"
    )
    answers: list[Any] = [busy, busy, {}]

    class S3:
        def create_bucket(self, **_: Any) -> None:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer

    deploy._create_bucket(S3(), {"Bucket": "code"})
    assert answers == []
    assert "S3 still deletes the bucket code" in capsys.readouterr().out


def test_a_bucket_that_is_refused_for_another_reason_is_not_waited_for():
    class S3:
        def create_bucket(self, **_: Any) -> None:
            error = {"Error": {"Code": "BucketAlreadyExists", "Message": "of another account"}}
            raise ClientError(error, "CreateBucket")  # type: ignore[arg-type]

    with pytest.raises(ClientError, match="another account"):
        deploy._create_bucket(S3(), {"Bucket": "code"})


def test_what_outlives_a_stage_is_shown_with_its_cost_and_deleted_on_request(target: Target):
    assert orphaned_resources.describe_costs(target) == []
    target.client("logs").create_log_group(logGroupName=settings.log_group)
    target.client("logs").create_log_group(logGroupName=f"{settings.log_group}-of-another")
    target.client("s3").create_bucket(Bucket=settings.bucket)
    target.client("secretsmanager").create_secret(Name="optio/test/secrets/a", SecretString="a")
    target.client("dynamodb").create_table(
        TableName=settings.table_name("keys"),
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    shown = "\n".join(orphaned_resources.describe_costs(target))
    assert "1 tables with their backups, 0.000 GB: $0.00" in shown
    assert f"the bucket {settings.bucket}: $0.023 for each GB" in shown
    assert f"the log group {settings.log_group}, 0.000 GB: $0.00" in shown
    assert "1 secrets: $0.40" in shown

    orphaned_resources.delete(target)

    assert orphaned_resources.describe_costs(target) == []
    groups = target.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == [f"{settings.log_group}-of-another"]


def test_the_logs_of_runs_stay_when_the_stack_goes_as_its_tables_do():
    made = resources.template()["Resources"]
    kept = {name for name, each in made.items() if each.get("DeletionPolicy") == "Retain"}
    tables = {name for name, each in made.items() if each.get("Type") == "AWS::DynamoDB::Table"}
    assert kept == {*tables, "BlobsBucket", "RunsLogGroup"}


def test_the_policy_of_the_guide_allows_the_resources_of_a_stage():
    """CloudFormation makes them with the rights of the operator."""
    services = {action.partition(":")[0] for action in policy_actions()}
    names = {"IAM": "iam", "SQS": "sqs", "S3": "s3", "Serverless": "lambda"}
    types = {each.get("Type") for each in resources.template()["Resources"].values()} - {None}
    for kind in types:
        service = str(kind).split("::")[1]
        assert names.get(service, service.lower()) in services
    assert find_refused(["ec2:RunInstances", "iam:CreateUser", "sts:GetCallerIdentity"]) == {
        "ec2:RunInstances",
        "iam:CreateUser",
    }
