"""Failures that pass, and failures that come again: with the classes that really raise them."""

from __future__ import annotations

import inspect
import json
import socket
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import requests
import urllib3
from botocore import exceptions as boto
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from botocore.session import get_session
from pynamodb.exceptions import (
    GetError,
    PutError,
    QueryError,
    TransactWriteError,
)

from chalicelib.domain.errors import (
    Busy,
    Conflict,
    IllegalTransition,
    Invalid,
    NotFound,
    Superseded,
)
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.integrations.aws.sqs import MessageNotSent
from chalicelib.integrations.failures import is_transient_failure
from chalicelib.ports import (
    LostRow,
    Part,
    Throttled,
    TrackerRateLimited,
    TrackerUnreachable,
    WriteConflict,
)

ANSWERS: list[AWSResponse] = []


@cache
def client(service: str) -> Any:
    """Return a real client whose requests are answered from `ANSWERS`, and never sent."""
    made = get_session().create_client(
        service,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
    made.meta.events.register("before-send", lambda **given: ANSWERS[-1])
    return made


def answered(service: str, operation: str, code: str, status: int = 400) -> Exception:
    """Return what botocore raises for an error answer."""
    headers = {"x-amzn-requestid": "r", "content-type": "application/x-amz-json-1.0"}
    answer = AWSResponse("https://aws", status, headers, None)
    answer._content = json.dumps({"__type": f"com.amazonaws#{code}", "message": "no"}).encode()
    ANSWERS[:] = [answer]
    with pytest.raises(ClientError) as caught:
        getattr(client(service), operation)(**ARGUMENTS[(service, operation)])
    return caught.value


ARGUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "get_item"): {"TableName": "t", "Key": {"id": {"S": "1"}}},
    ("sqs", "get_queue_url"): {"QueueName": "q"},
    ("secretsmanager", "get_secret_value"): {"SecretId": "s"},
    ("kms", "decrypt"): {"CiphertextBlob": b"1"},
    ("codebuild", "start_build"): {"projectName": "p"},
    ("logs", "create_log_stream"): {"logGroupName": "g", "logStreamName": "s"},
}
DYNAMO, SQS = ("dynamodb", "get_item"), ("sqs", "get_queue_url")
VAULT, KMS = ("secretsmanager", "get_secret_value"), ("kms", "decrypt")
BUILD, LOGS = ("codebuild", "start_build"), ("logs", "create_log_stream")


@pytest.mark.parametrize(
    "call, code, status, expected",
    [
        (DYNAMO, "ProvisionedThroughputExceededException", 400, True),
        (DYNAMO, "RequestLimitExceeded", 400, True),
        (DYNAMO, "ThrottlingException", 400, True),
        (DYNAMO, "TransactionConflictException", 400, True),
        (DYNAMO, "TransactionInProgressException", 400, True),
        (DYNAMO, "AccessDeniedException", 400, True),
        (DYNAMO, "UnrecognizedClientException", 400, True),
        (DYNAMO, "ExpiredTokenException", 400, True),
        (DYNAMO, "InternalServerError", 500, True),
        (DYNAMO, "SomethingNew", 503, True),
        (DYNAMO, "ResourceNotFoundException", 400, True),
        (DYNAMO, "LimitExceededException", 400, True),
        (DYNAMO, "ValidationException", 400, False),
        (DYNAMO, "ItemCollectionSizeLimitExceededException", 400, False),
        (DYNAMO, "SerializationException", 400, False),
        (SQS, "QueueDoesNotExist", 400, True),
        (SQS, "RequestThrottled", 400, True),
        (SQS, "KmsThrottled", 400, True),
        (SQS, "KmsDisabled", 400, True),
        (SQS, "KmsAccessDenied", 400, True),
        (SQS, "InvalidMessageContents", 400, False),
        (SQS, "BatchRequestTooLong", 400, False),
        (VAULT, "DecryptionFailure", 400, True),
        (VAULT, "InternalServiceError", 500, True),
        (VAULT, "ThrottlingException", 400, True),
        (VAULT, "InvalidParameterException", 400, False),
        (KMS, "KMSInvalidStateException", 400, True),
        (KMS, "DisabledException", 400, True),
        (KMS, "KMSInternalException", 500, True),
        (KMS, "InvalidCiphertextException", 400, False),
        (BUILD, "AccountLimitExceededException", 400, True),
        (BUILD, "InvalidInputException", 400, False),
        (LOGS, "ServiceUnavailableException", 503, True),
        (LOGS, "OperationAbortedException", 400, True),
        (LOGS, "InvalidParameterException", 400, False),
    ],
)
def test_an_answer_of_aws_passes_unless_it_is_about_what_was_asked(
    call: tuple[str, str], code: str, status: int, expected: bool
):
    error = answered(*call, code, status)
    assert isinstance(error, ClientError)
    assert error.response["Error"]["Code"] == code
    assert is_transient_failure(error) is expected


@pytest.mark.parametrize(
    "codes, expected",
    [
        (["None", "TransactionConflict"], True),
        (["ThrottlingError", "None"], True),
        (["ProvisionedThroughputExceeded", "TransactionConflict"], True),
        (["ConditionalCheckFailed"], True),
        (["ValidationError", "None"], False),
        (["TransactionConflict", "ItemCollectionSizeLimitExceeded"], False),
    ],
)
def test_a_cancelled_transaction_passes_when_each_of_its_reasons_does(
    codes: list[str], expected: bool
):
    reasons = [{"Code": code, "Message": "no"} for code in codes]
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "no"},
        "CancellationReasons": reasons,
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    error = ClientError(response, "TransactWriteItems")
    assert is_transient_failure(error) is expected
    assert is_transient_failure(TransactWriteError("no", error)) is expected


def wrapped(cause: BaseException) -> Exception:
    """Return an error that was raised from another one, as adapters do."""
    try:
        raise RuntimeError("not done") from cause
    except RuntimeError as error:
        return error


THROTTLED = ClientError(
    {"Error": {"Code": "ThrottlingException", "Message": "no"}, "ResponseMetadata": {}},  # type: ignore[typeddict-item]
    "Query",
)
REFUSED = ClientError(
    {"Error": {"Code": "ValidationException", "Message": "no"}, "ResponseMetadata": {}},  # type: ignore[typeddict-item]
    "Query",
)
WAIT = timedelta(minutes=1)


@pytest.mark.parametrize(
    "error",
    [
        GetError("no", THROTTLED),
        PutError("no", boto.ReadTimeoutError(endpoint_url="https://aws")),
        QueryError("no", boto.EndpointConnectionError(endpoint_url="https://aws")),
        wrapped(THROTTLED),
        ResponseParserError("not JSON"),
        MessageNotSent("refused twice"),
        Throttled("a part only"),
        WriteConflict([LostRow(Part.RUN, "r")]),
        Superseded("changed"),
        Busy(),
        TrackerRateLimited(WAIT),
        TrackerUnreachable("503", passes=True),
        ForgeError("unavailable", "503", passes=True),
        requests.ConnectionError("reset"),
        requests.ReadTimeout("slow"),
        urllib3.exceptions.ProtocolError("cut"),
        socket.gaierror(-3, "try again"),
        TimeoutError(),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_load_networks_and_lost_races_pass(error: Exception):
    assert is_transient_failure(error)


@pytest.mark.parametrize(
    "error",
    [
        GetError("no", REFUSED),
        wrapped(REFUSED),
        wrapped(KeyError("x")),
        TrackerUnreachable("401"),
        ForgeError("unauthorized", "401"),
        Invalid("no such zone"),
        NotFound("task", "x"),
        Conflict("is there"),
        IllegalTransition("completed", "running"),
        KeyError("x"),
        TypeError("x"),
        UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
        ZeroDivisionError(),
        FileNotFoundError("data"),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_comes_again_with_each_try_does_not_pass(error: Exception):
    assert not is_transient_failure(error)


OF_PARAMETERS = {
    "AliasConflictParameterError",
    "InvalidRegionError",
    "MissingParametersError",
    "ParamValidationError",
    "RangeError",
    "UnknownKeyError",
    "UnknownParameterError",
    "ValidationError",
}
"""Requests that botocore refuses before sending: the same request is refused again."""


def test_of_all_that_botocore_raises_by_itself_only_wrong_parameters_do_not_pass():
    known = {
        name: kind
        for name, kind in inspect.getmembers(boto, inspect.isclass)
        if issubclass(kind, boto.BotoCoreError)
    }
    assert len(known) > 60
    made = {name: kind.__new__(kind) for name, kind in known.items()}
    assert {
        name for name, error in made.items() if not is_transient_failure(error)
    } == OF_PARAMETERS
