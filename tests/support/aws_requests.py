"""Resources of a template as the calls of AWS that make them, checked by botocore's models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.session import get_session
from botocore.validate import ParamValidator

Values = dict[str, Any]
Call = tuple[str, str, Values]
ACCOUNT, REGION = "123456789012", "us-east-1"
PLACE = f"{REGION}:{ACCOUNT}"
ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{place}:table/{TableName}",
    "AWS::SQS::Queue": "arn:aws:sqs:{place}:{QueueName}",
    "AWS::S3::Bucket": "arn:aws:s3:::{BucketName}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{place}:log-group:{LogGroupName}:*",
    "AWS::CodeBuild::Project": "arn:aws:codebuild:{place}:project/{Name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{place}:function:a-function",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/a-role",
    "AWS::Events::Rule": "arn:aws:events:{place}:rule/a-rule",
}
NAMES = {
    "AWS::SQS::Queue": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{QueueName}}",
    "AWS::Logs::LogGroup": "{LogGroupName}",
    "AWS::S3::Bucket": "{BucketName}",
    "AWS::Lambda::EventSourceMapping": "0f1e2d3c-0000-4000-8000-000000000000",
}
PSEUDO = {"Partition": "aws", "Region": REGION, "AccountId": ACCOUNT, "URLSuffix": "amazonaws.com"}


def resolved(value: Any, resources: Values) -> Any:
    """Return a value of a template with names and ARNs instead of references."""
    if isinstance(value, list):
        return [resolved(inner, resources) for inner in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return _name(value["Ref"], resources)
    if "Fn::GetAtt" in value:
        return _arn(value["Fn::GetAtt"][0], resources)
    if "Fn::Sub" in value:
        given = value["Fn::Sub"]
        text, more = (given, {}) if isinstance(given, str) else given
        named = {name: resolved(inner, resources) for name, inner in more.items()}
        return re.sub(r"\$\{([\w:.]+)\}", lambda found: _part(found[1], named, resources), text)
    return {name: resolved(inner, resources) for name, inner in value.items()}


def _part(name: str, named: dict[str, str], resources: Values) -> str:
    if name.endswith(".Arn"):
        return _arn(name.removesuffix(".Arn"), resources)
    return named.get(name) or _name(name, resources)


def _name(name: str, resources: Values) -> str:
    if name.startswith("AWS::"):
        return PSEUDO[name.removeprefix("AWS::")]
    part = resources[name]
    return NAMES.get(part["Type"], "a1b2c3d4").format(**part["Properties"])


def _arn(name: str, resources: Values) -> str:
    part = resources[name]
    return ARNS[part["Type"]].format(place=PLACE, **part["Properties"])


def calls_of(kind: str, properties: Values) -> list[Call]:
    """Return the calls that make a resource; raise `KeyError` for a kind without an entry."""
    maker = {
        "AWS::DynamoDB::Table": _table,
        "AWS::SQS::Queue": _queue,
        "AWS::SQS::QueuePolicy": _queue_policy,
        "AWS::Logs::LogGroup": _log_group,
        "AWS::S3::Bucket": _bucket,
        "AWS::S3::BucketPolicy": _bucket_policy,
        "AWS::IAM::Role": _role,
        "AWS::Lambda::Function": _function,
        "AWS::Lambda::EventSourceMapping": _plain("lambda", "CreateEventSourceMapping"),
        "AWS::Lambda::EventInvokeConfig": _plain("lambda", "PutFunctionEventInvokeConfig"),
        "AWS::Lambda::Permission": _plain("lambda", "AddPermission", StatementId="one"),
        "AWS::Events::Rule": _rule,
        "AWS::CloudWatch::Alarm": _plain("cloudwatch", "PutMetricAlarm"),
        "AWS::CloudWatch::Dashboard": _plain("cloudwatch", "PutDashboard"),
        "AWS::CodeBuild::Project": _project,
        "AWS::ApiGateway::RestApi": _rest_api,
        "AWS::ApiGateway::Deployment": _lowered("apigateway", "CreateDeployment"),
        "AWS::ApiGateway::Stage": _stage,
        "AWS::SSM::Parameter": _plain("ssm", "PutParameter"),
    }[kind]
    left = dict(properties)
    calls = list(maker(left))
    assert not left, f"nothing is known of {sorted(left)} of {kind}"
    return calls


def _taken(left: Values) -> Values:
    taken = dict(left)
    left.clear()
    return taken


def _plain(service: str, operation: str, **more: str) -> Any:
    def make(left: Values) -> Iterator[Call]:
        yield service, operation, {**_taken(left), **more}

    return make


def _lowered(service: str, operation: str) -> Any:
    def make(left: Values) -> Iterator[Call]:
        yield service, operation, _lower(_taken(left))

    return make


def _lower(value: Any) -> Any:
    if isinstance(value, list):
        return [_lower(inner) for inner in value]
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _lower(inner) for name, inner in value.items()}
    return value


def _table(left: Values) -> Iterator[Call]:
    name = {"TableName": left["TableName"]}
    recovery = left.pop("PointInTimeRecoverySpecification")
    specification = {"PointInTimeRecoverySpecification": recovery}
    yield "dynamodb", "UpdateContinuousBackups", name | specification
    if "TimeToLiveSpecification" in left:
        lasting = {"TimeToLiveSpecification": left.pop("TimeToLiveSpecification")}
        yield "dynamodb", "UpdateTimeToLive", name | lasting
    sealed = left.pop("SSESpecification")
    sealed = {"Enabled": sealed.pop("SSEEnabled"), **sealed}
    yield "dynamodb", "CreateTable", {**_taken(left), "SSESpecification": sealed}


def _queue(left: Values) -> Iterator[Call]:
    name = left.pop("QueueName")
    attributes = {key: json.dumps(value) for key, value in _taken(left).items()}
    yield "sqs", "CreateQueue", {"QueueName": name, "Attributes": attributes}


def _queue_policy(left: Values) -> Iterator[Call]:
    policy = {"Policy": json.dumps(left.pop("PolicyDocument"))}
    for queue in left.pop("Queues"):
        yield "sqs", "SetQueueAttributes", {"QueueUrl": queue, "Attributes": policy}


def _log_group(left: Values) -> Iterator[Call]:
    days = left.pop("RetentionInDays")
    made = _lower(_taken(left))
    yield "logs", "CreateLogGroup", made
    yield (
        "logs",
        "PutRetentionPolicy",
        {"logGroupName": made["logGroupName"], "retentionInDays": days},
    )


def _bucket(left: Values) -> Iterator[Call]:
    bucket = {"Bucket": left.pop("BucketName")}
    yield "s3", "CreateBucket", bucket
    blocked = {"PublicAccessBlockConfiguration": left.pop("PublicAccessBlockConfiguration")}
    yield "s3", "PutPublicAccessBlock", bucket | blocked
    (sealed,) = left.pop("BucketEncryption")["ServerSideEncryptionConfiguration"]
    sealed["ApplyServerSideEncryptionByDefault"] = sealed.pop("ServerSideEncryptionByDefault")
    encryption = {"ServerSideEncryptionConfiguration": {"Rules": [sealed]}}
    yield "s3", "PutBucketEncryption", bucket | encryption
    rules = [
        {
            "ID": rule.pop("Id"),
            "Filter": {"Prefix": rule.pop("Prefix")},
            "Expiration": {"Days": rule.pop("ExpirationInDays")},
            **rule,
        }
        for rule in left.pop("LifecycleConfiguration")["Rules"]
    ]
    lifecycle = {"LifecycleConfiguration": {"Rules": rules}}
    yield "s3", "PutBucketLifecycleConfiguration", bucket | lifecycle


def _bucket_policy(left: Values) -> Iterator[Call]:
    policy = json.dumps(left.pop("PolicyDocument"))
    yield "s3", "PutBucketPolicy", {"Policy": policy, **_taken(left)}


def _role(left: Values) -> Iterator[Call]:
    trust = json.dumps(left.pop("AssumeRolePolicyDocument"))
    for policy in left.pop("Policies"):
        document = json.dumps(policy.pop("PolicyDocument"))
        inline = {"RoleName": "a-role", "PolicyDocument": document, **policy}
        yield "iam", "PutRolePolicy", inline
    made = {"RoleName": "a-role", "AssumeRolePolicyDocument": trust, **_taken(left)}
    yield "iam", "CreateRole", made


def _function(left: Values) -> Iterator[Call]:
    name = {"FunctionName": "a-function"}
    if "RecursiveLoop" in left:
        yield (
            "lambda",
            "PutFunctionRecursionConfig",
            name | {"RecursiveLoop": left.pop("RecursiveLoop")},
        )
    if "ReservedConcurrentExecutions" in left:
        reserved = {"ReservedConcurrentExecutions": left.pop("ReservedConcurrentExecutions")}
        yield "lambda", "PutFunctionConcurrency", name | reserved
    tags = {tag["Key"]: tag["Value"] for tag in left.pop("Tags", [])}
    yield "lambda", "CreateFunction", {**name, **_taken(left), "Tags": tags}


def _rule(left: Values) -> Iterator[Call]:
    targets = {"Rule": "a-rule", "Targets": left.pop("Targets")}
    yield "events", "PutTargets", targets
    if "EventPattern" in left:
        left["EventPattern"] = json.dumps(left["EventPattern"])
    yield "events", "PutRule", {"Name": "a-rule", **_taken(left)}


def _project(left: Values) -> Iterator[Call]:
    made = _lower(_taken(left))
    made["source"]["buildspec"] = made["source"].pop("buildSpec")
    yield "codebuild", "CreateProject", made


def _rest_api(left: Values) -> Iterator[Call]:
    body = json.dumps(left.pop("Body")).encode()
    parameters = left.pop("Parameters")
    yield "apigateway", "ImportRestApi", {"body": body, "parameters": parameters}
    yield "apigateway", "CreateRestApi", {"name": "an-api", **_lower(_taken(left))}


def _stage(left: Values) -> Iterator[Call]:
    changes = []
    for settings in left.pop("MethodSettings"):
        place = settings.pop("ResourcePath"), settings.pop("HttpMethod")
        for name, value in settings.items():
            path = f"/{place[0].strip('/')}/{place[1]}/throttling/{name.removeprefix('Throttling')}"
            changes.append({"op": "replace", "path": path, "value": str(value)})
    made = _lower(_taken(left))
    yield "apigateway", "CreateStage", made
    stage = {name: made[name] for name in ("restApiId", "stageName")}
    yield "apigateway", "UpdateStage", stage | {"patchOperations": changes}


def faults_of(call: Call) -> list[str]:
    """Return what botocore's model of an operation finds wrong with a call."""
    service, operation, sent = call
    shape = _model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(sent, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return [f"{operation}: {fault}" for fault in [*found, *_bounds(sent, shape, operation)]]


@cache
def _model(service: str) -> Any:
    return get_session().get_service_model(service)


def _bounds(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield faults that botocore leaves to the service: of enumerations, patterns and maxima."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name, inner in value.items():
            if name in shape.members:
                yield from _bounds(inner, shape.members[name], f"{where}.{name}")
    elif kind == "list" and isinstance(value, list):
        for inner in value:
            yield from _bounds(inner, shape.member, f"{where}[]")
    elif kind == "map" and isinstance(value, dict):
        for name, inner in value.items():
            yield from _bounds(name, shape.key, f"{where} key")
            yield from _bounds(inner, shape.value, f"{where}.{name}")
    elif isinstance(value, str) and getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{where}: {value!r} is none of {shape.enum}"
    elif isinstance(value, str) and not _matches(shape.metadata.get("pattern"), value):
        yield f"{where}: {value!r} does not match {shape.metadata['pattern']}"
    most = shape.metadata.get("max")
    size = len(value) if isinstance(value, str | list | dict) else value
    if most is not None and kind != "blob" and size > most:
        yield f"{where}: {size} is more than {most}"


def _matches(pattern: str | None, value: str) -> bool:
    if not pattern:
        return True
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:
        return True  # of another dialect
