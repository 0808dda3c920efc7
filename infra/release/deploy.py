"""Deploys a built package with CloudFormation, to the endpoint that a client is made for."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.session import get_session

from chalicelib.domain.access.key import (
    KEY_PREFIX,
    ROLE_SCOPES,
    ApiKey,
    Role,
    Scope,
    key_id,
    token_digest,
)
from chalicelib.settings import settings
from chalicelib.storage.dynamo import codec
from chalicelib.storage.keys import to_record as key_record
from chalicelib.storage.records import MarkerRecord
from infra.package.encryption import refused_in_clear

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
BUCKET_NAME_SECONDS, BUCKET_WAIT_SECONDS = 3600.0, 10.0
"""The time for which S3 may keep the name of a deleted bucket, and between two attempts."""
PROPOSED = "REVIEW_IN_PROGRESS"
"""The status of a stack whose first change set was made and not carried out: it holds nothing."""


class Target:
    """An account, or an emulator of one, that a stage is deployed to."""

    def __init__(self, endpoint: str | None, stage: str) -> None:
        self._endpoint = endpoint
        self.stack = f"optio-{stage}"

    def client(self, service: str) -> Any:
        return boto3.client(service, endpoint_url=self._endpoint, region_name=settings.region)

    def deploy(self, package: Path, digest: str) -> dict[str, str]:
        """Deploy the package, unless this very package is there already; return the outputs."""
        formation = self.client("cloudformation")
        if self.deployed_package() == digest:
            return self.outputs()
        url = self.put_template(self.upload(package, digest))
        parameters = {
            "StackName": self.stack,
            "TemplateURL": url,
            "Capabilities": CAPABILITIES,
        }
        if self.exists():
            self._update(formation, parameters)
        else:
            formation.create_stack(**parameters)
            formation.get_waiter("stack_create_complete").wait(
                StackName=self.stack, WaiterConfig={"Delay": 1, "MaxAttempts": 600}
            )
        return self.outputs()

    def _update(self, formation: Any, parameters: dict[str, Any]) -> None:
        try:
            formation.update_stack(**parameters)
        except ClientError as error:
            if "No updates" not in str(error):
                raise
            return
        formation.get_waiter("stack_update_complete").wait(
            StackName=self.stack, WaiterConfig={"Delay": 1, "MaxAttempts": 600}
        )

    def outputs(self) -> dict[str, str]:
        answer = self.client("cloudformation").describe_stacks(StackName=self.stack)
        return {
            output["OutputKey"]: output["OutputValue"] for output in answer["Stacks"][0]["Outputs"]
        }

    def exists(self) -> bool:
        """Return whether the stage was deployed."""
        return self.status() not in (None, PROPOSED)

    def status(self) -> str | None:
        """Return what CloudFormation calls the state of the stack, if there is one."""
        stack = self._describe_stack()
        return str(stack["StackStatus"]) if stack else None

    def stack_id(self) -> str | None:
        """Return the ARN of the stack, which names it also after its deletion."""
        stack = self._describe_stack()
        return str(stack["StackId"]) if stack else None

    def _describe_stack(self) -> Any:
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=self.stack)
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return None
        return answer["Stacks"][0]

    def deployed_package(self) -> str | None:
        """Return the digest of the package that the stage was deployed from."""
        for resource in ((self.template() or {}).get("Resources") or {}).values():
            if resource["Type"] == "AWS::Serverless::Function":
                return str(resource["Properties"]["CodeUri"]["Key"]).removesuffix(".zip")
        return None

    def template(self) -> dict[str, Any] | None:
        """Return the template that the stage was deployed with, if it was."""
        if not self.exists():
            return None
        formation = self.client("cloudformation")
        answer = formation.get_template(StackName=self.stack, TemplateStage="Original")
        body = answer["TemplateBody"]
        template: dict[str, Any] = json.loads(body) if isinstance(body, str) else dict(body)
        return template

    def upload(self, package: Path, digest: str) -> dict[str, Any]:
        """Put the code under the package's own hash; return the template that names it."""
        bucket, key = self.bucket, f"{digest}.zip"
        s3 = self.client("s3")
        _made(s3, bucket)
        s3.upload_file(str(package / "deployment.zip"), bucket, key)
        template: dict[str, Any] = json.loads((package / "sam.json").read_text())
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}
            elif resource["Type"] == "AWS::CodeBuild::Project":
                resource["Properties"]["Source"] |= {"Type": "S3", "Location": f"{bucket}/{key}"}
        return template

    def put_template(self, template: dict[str, Any]) -> str:
        """Return the URL of an uploaded template: one inside a call may have only 51,200 bytes."""
        body = json.dumps(template).encode()
        name = f"{hashlib.sha256(body).hexdigest()}.json"
        _made(self.client("s3"), self.bucket)
        self.client("s3").put_object(Bucket=self.bucket, Key=name, Body=body)
        return f"https://s3.{settings.region}.{_partition()[1]}/{self.bucket}/{name}"

    @cached_property
    def account(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def bucket(self) -> str:
        """The bucket of packages; its name is unique to the account and the region."""
        return f"{self.stack}-{self.account}-{settings.region}-code"

    def make_admin_key(self, token: str | None = None) -> str:
        """Store the hash of an admin's key and return its token, which is nowhere else."""
        return self._make_key("admin", Role.ADMIN, ROLE_SCOPES[Role.ADMIN], token)

    def make_runner_key(self, token: str | None = None) -> str:
        """Store the hash of a key that may do jobs and nothing else, and return its token."""
        return self._make_key("runner", None, (Scope.RUNNER,), token)

    def _make_key(
        self, name: str, role: Role | None, scopes: tuple[Scope, ...], token: str | None
    ) -> str:
        token = token or KEY_PREFIX + secrets.token_urlsafe(32)
        digest, now = token_digest(token), datetime.now(UTC)
        key = ApiKey(
            id=key_id(digest),
            digest=digest,
            name=name,
            role=role,
            scopes=scopes,
            created_at=now,
            updated_at=now,
            created_by="deploy",
        )
        self.client("dynamodb").put_item(
            TableName=settings.table_name("keys"), Item=key_record(key).serialize()
        )
        return token

    def note_start(self) -> None:
        """Note that the stage came up now: its first tick is still to come."""
        row = MarkerRecord(id="start", data=codec.format_sortable(datetime.now(UTC)))
        self.client("dynamodb").put_item(
            TableName=settings.table_name("pulses"), Item=row.serialize()
        )

    def has_keys(self) -> bool:
        """Return whether a key exists: the deploy makes the first one."""
        table = settings.table_name("keys")
        return bool(self.client("dynamodb").scan(TableName=table, Limit=1)["Items"])


def _partition() -> tuple[str, str]:
    """Return the part of AWS that the region is of, and how its hosts end: China's differ."""
    session = get_session()
    name = str(session.get_partition_for_region(settings.region))
    return name, str(session.get_component("endpoint_resolver").get_partition_dns_suffix(name))


def _create_bucket(s3: Any, parameters: dict[str, Any]) -> None:
    """Create a bucket unless it exists; S3 keeps a name for some time after its deletion.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (`OperationAborted`)
    """
    until = time.monotonic() + BUCKET_NAME_SECONDS
    while True:
        try:
            s3.create_bucket(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "BucketAlreadyOwnedByYou":
                return
            if code != "OperationAborted" or time.monotonic() > until:
                raise
            print(f"S3 still deletes the bucket {parameters['Bucket']}: waiting", flush=True)
            time.sleep(BUCKET_WAIT_SECONDS)
        else:
            return


def _made(s3: Any, bucket: str) -> None:
    """Make a private bucket unless it exists."""
    elsewhere = settings.region != "us-east-1"  # the one region that may not be named
    configuration = {"CreateBucketConfiguration": {"LocationConstraint": settings.region}}
    _create_bucket(s3, {"Bucket": bucket, **(configuration if elsewhere else {})})
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(blocked, True)
    )
    arn = f"arn:{_partition()[0]}:s3:::{bucket}"
    where = [arn, f"{arn}/*"]
    policy = {"Version": "2012-10-17", "Statement": [refused_in_clear("s3:*", where)]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
