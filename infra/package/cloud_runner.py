"""The CodeBuild project that runs one job of a run: the runner, from the package.

The deploy names the package as its source; the caller that starts a build passes its token.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.domain.runs.build import MAX_QUEUE_TIME, pull_credentials_type
from chalicelib.settings import settings
from infra.package import encryption

Template = dict[str, Any]
BUILD_SPEC = {
    "version": 0.2,
    "phases": {"build": {"commands": ["sh chalicelib/runner/codebuild_entrypoint.sh"]}},
}
STAGE_URL = "https://${RestAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"
VERSION = "2012-10-17"


def cloud_runner() -> Template:
    """Return the project, its role, and where its builds log."""
    return {
        "RunnerLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": settings.build_project,
                "RetentionInDays": 30,
                **encryption.of_logs(),
            },
        },
        "RunnerRole": {"Type": "AWS::IAM::Role", "Properties": _role()},
        "RunnerProject": {"Type": "AWS::CodeBuild::Project", "Properties": _project()},
    }


def _role() -> Template:
    """Return the rights of a build: to write its log, and to read the package and images."""
    logs = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
    account_and_region = "${AWS::AccountId}-${AWS::Region}"
    package = f"arn:${{AWS::Partition}}:s3:::optio-{settings.stage}-{account_and_region}-code/*"
    allowed = [
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::Sub": f"{logs}{settings.build_project}:*"},
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": {"Fn::Sub": package},
        },
        *_image_rights(),
    ]
    trusted = {
        "Effect": "Allow",
        "Principal": {"Service": "codebuild.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = {"Version": VERSION, "Statement": allowed}
    return {
        "AssumeRolePolicyDocument": {"Version": VERSION, "Statement": [trusted]},
        "Policies": [{"PolicyName": "runner", "PolicyDocument": document}],
    }


def _image_rights() -> list[Template]:
    """Return the rights to pull private images of this account's registry.

    https://docs.aws.amazon.com/codebuild/latest/userguide/sample-ecr.html
    """
    repositories = "arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/*"
    return [
        {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            ],
            "Resource": {"Fn::Sub": repositories},
        },
    ]


def _project() -> Template:
    name = settings.build_project
    return {
        "Name": name,
        "ServiceRole": {"Fn::GetAtt": ["RunnerRole", "Arn"]},
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Source": {"Type": "NO_SOURCE", "BuildSpec": json.dumps(BUILD_SPEC)},
        "Environment": {
            "Type": "LINUX_CONTAINER",
            "ComputeType": settings.runner_compute_type,
            "Image": settings.runner_image,
            "ImagePullCredentialsType": pull_credentials_type(settings.runner_image),
            "EnvironmentVariables": [{"Name": "OPTIO_URL", "Value": {"Fn::Sub": STAGE_URL}}],
        },
        "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": name}},
        "TimeoutInMinutes": 480,
        "QueuedTimeoutInMinutes": int(MAX_QUEUE_TIME.total_seconds()) // 60,
    }
