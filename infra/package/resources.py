"""The resources that are merged into chalice's package, made from the app and its models.

A table is made from its pynamodb model and a queue from the step that reads it, so neither can
drift from the code. Every resource id ends in its kind, so that none takes a function's name.
"""

from __future__ import annotations

from typing import Any

from chalice.app import ScheduledEventConfig, SQSEventConfig
from chalice.package import to_cfn_resource_name
from pynamodb.models import Model

from app import app
from chalicelib.settings import settings
from chalicelib.storage.records import TABLE_RECORDS
from infra.package import capacity, cloud_runner, encryption, gateway
from infra.package.monitoring import watch

Template = dict[str, Any]
STEP_TIMEOUT_SECONDS = 60
VISIBILITY_SECONDS = 6 * STEP_TIMEOUT_SECONDS
"""Six times the function's timeout, as AWS advises for queues that feed Lambda."""
NOTIFY_MAPPING = "NotifyNotifySqsEventSource"
"""SAM's name for the mapping by which `notify` reads its queue."""
OUTSIDE = "Consult"
"""The function that writes pull requests and comments on tickets."""
MOST_RECEIVES = 10
FOURTEEN_DAYS = 14 * 24 * 3600
LOG_DAYS = 90
RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""Of what holds data: it stays when its stack goes."""
KNOWN_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def template() -> Template:
    """Return what is merged: tables, queues, logs, bucket, outputs."""
    parts = [
        {table_id(table): _table(table) for table in TABLE_RECORDS},
        *(_queue(source) for source in queue_sources()),
        *(_function(name, resource) for name, resource in functions().items()),
        {
            "RunsLogGroup": {**_log(settings.log_group, settings.retention.days), **RETAINED},
            "BlobsBucket": _bucket(),
            "RestAPI": gateway.gateway_bounds(),
            "BlobsBucketPolicy": encryption.bucket_policy("BlobsBucket"),
            **cloud_runner.cloud_runner(),
            **_watch(),
        },
    ]
    resources = joined(parts)
    # The API starts the reading of notifications when there is an endpoint for them.
    environment = {"Variables": {"OPTIO_NOTIFY_MAPPING": {"Ref": NOTIFY_MAPPING}}}
    resources["APIHandler"]["Properties"]["Environment"] = environment
    resources[OUTSIDE]["Properties"]["Environment"] = _own_address()
    return {
        "Resources": resources,
        "Outputs": {"LogGroup": {"Value": {"Ref": "RunsLogGroup"}}},
    }


def _own_address() -> Template:
    """Return the address of the stage for links, unless `OPTIO_PUBLIC_URL` replaces it.

    The API's own function cannot refer to the API, nor can `notify`, to which that one refers.
    """
    return {"Variables": {"OPTIO_PUBLIC_URL": {"Fn::Sub": cloud_runner.STAGE_URL}}}


def functions() -> dict[str, str]:
    """Return the functions of a stage, and what each is called in the template."""
    steps = {str(source.name): to_cfn_resource_name(source.name) for source in app.event_sources}
    return {"api_handler": "APIHandler", **steps}


def _function(name: str, resource: str) -> Template:
    """Return the log of a function, and what chalice leaves out of the function itself."""
    log = f"{resource}LogGroup"
    added: Template = {"Properties": {"LoggingConfig": {"LogGroup": {"Ref": log}}}}
    if name in {source.name for source in app.event_sources if _comes_again(source)}:
        added["Properties"]["EventInvokeConfig"] = capacity.never_piled_up()
        added["Properties"] |= capacity.tick_reservation()
    for source in queue_sources():
        if source.name == name:
            mapping = {
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                **capacity.of_queue(str(source.queue).rpartition("-")[2]),
            }
            events = {f"{resource}SqsEventSource": {"Properties": mapping}}
            added["DependsOn"] = [_queue_id(source)]
            # A minutely schedule, or a pull request that is looked at often, sends its own next
            # message. Lambda takes that for a loop, and drops what came of 16 messages in a row;
            # ours each wait for their moment, and end with their row.
            added["Properties"]["RecursiveLoop"] = "Allow"
            added["Properties"]["Events"] = events
    return {log: _log(settings.log_group_of(name)), resource: added}


def _comes_again(source: object) -> bool:
    return isinstance(source, ScheduledEventConfig)


def _log(name: str, least_days: int = LOG_DAYS) -> Template:
    """Return a log group that is kept for so many days at least; CloudWatch knows some numbers."""
    days = next(days for days in KNOWN_DAYS if days >= least_days)
    properties = {"LogGroupName": name, "RetentionInDays": days, **encryption.of_logs()}
    return {"Type": "AWS::Logs::LogGroup", "Properties": properties}


def _watch() -> Template:
    dead = {
        f"{_queue_id(source).removesuffix('Queue')}DeadLetters": f"{source.queue}-dead"
        for source in queue_sources()
    }
    return watch([*functions().values()], dead)


def joined(parts: list[Template]) -> Template:
    """Join templates; a name that two of them use is a mistake, never a merge."""
    whole: Template = {}
    for part in parts:
        twice = whole.keys() & part.keys()
        if twice:
            raise ValueError(f"two resources are called {sorted(twice)}")
        whole |= part
    return whole


def queue_sources() -> list[SQSEventConfig]:
    """Return the steps that read a queue."""
    return [source for source in app.event_sources if isinstance(source, SQSEventConfig)]


def table_id(table: type[Model]) -> str:
    kind = str(table.Meta.table_name).removeprefix(settings.table_name(""))
    return f"{kind.capitalize()}Table"


def _table(table: type[Model]) -> Template:
    schema = table._get_schema()
    properties: Template = {
        "TableName": table.Meta.table_name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": _keys(schema["key_schema"]),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": True,
        **encryption.of_table(),
    }
    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": _keys(index["key_schema"]),
            "Projection": index["projection"],
        }
        for index in schema["global_secondary_indexes"]
    ]
    if indexes:
        properties["GlobalSecondaryIndexes"] = indexes
    if "expires_at" in table.get_attributes():
        properties["TimeToLiveSpecification"] = {"AttributeName": "expires_at", "Enabled": True}
    return {"Type": "AWS::DynamoDB::Table", **RETAINED, "Properties": properties}


def _keys(schema: Any) -> list[dict[str, str]]:
    return sorted(schema, key=lambda key: key["KeyType"])


def _queue_id(source: SQSEventConfig) -> str:
    return f"{str(source.queue).removeprefix(settings.queue_name('')).capitalize()}Queue"


def _queue(source: SQSEventConfig) -> Template:
    """Return a step's queue, its dead letters, and who may come to both."""
    queue = _queue_id(source)
    dead = f"{queue.removesuffix('Queue')}DeadLetters"
    return {
        dead: {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": f"{source.queue}-dead",
                "MessageRetentionPeriod": FOURTEEN_DAYS,
                **encryption.of_queue(),
            },
        },
        queue: {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": source.queue,
                "VisibilityTimeout": VISIBILITY_SECONDS,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]},
                    "maxReceiveCount": MOST_RECEIVES,
                },
                **encryption.of_queue(),
            },
        },
        f"{queue}Policy": encryption.queue_policy(queue),
        f"{dead}Policy": encryption.queue_policy(dead),
    }


def _bucket() -> Template:
    return {
        "Type": "AWS::S3::Bucket",
        **RETAINED,
        "Properties": {
            "BucketName": settings.bucket,
            **encryption.of_bucket(),
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": kind,
                        "Status": "Enabled",
                        "Prefix": f"{kind}/",
                        "ExpirationInDays": settings.retention.days + 2,
                    }
                    for kind in ("firings", "outputs")
                ]
            },
        },
    }
