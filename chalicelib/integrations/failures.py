"""Classifies failures: those that pass by themselves, and those that come again with each try.

Only this module decides it. A transient failure is caused by a network, by AWS, a forge or a
tracker, and not by the current row, so it never counts against the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from chalicelib.domain.errors import Busy, DomainError, Superseded
from chalicelib.domain.pull_requests.forge import ForgeError
from chalicelib.integrations.aws.sqs import MessageNotSent
from chalicelib.ports import Throttled, TrackerRateLimited, TrackerUnreachable, WriteConflict
from chalicelib.ports.services import BuildCapacityExceeded

PASSING_STATUSES = frozenset({401, 403, 408, 409, 423, 425, 429})
"""Statuses below 500 that concern rights, conflicts and load, not the request itself."""
_CODES = """
AWS.SimpleQueueService.NonExistentQueue AccountLimitExceededException AccountSuspendedException
AuthFailure BandwidthLimitExceeded ConditionalCheckFailed ConditionalCheckFailedException
ConflictException DecryptionFailure DependencyTimeoutException DisabledException
DuplicateTransaction EC2ThrottledException EncryptionFailure ExpiredToken ExpiredTokenException
IncompleteSignature IndexNotFoundException InternalError InternalFailure InternalServiceError
InternalServiceErrorException InternalStreamingException InvalidAccessKeyId InvalidClientTokenId
InvalidSignatureException KeyUnavailableException LimitExceededException
MissingAuthenticationToken MissingAuthenticationTokenException NoSuchBucket NotAuthorized
NotFoundException OperationAborted OperationAbortedException OptInRequired OverLimit
PriorRequestNotComplete ProvisionedThroughputExceeded ProvisionedThroughputExceededException
QueueDoesNotExist RegionDisabledException ReplicatedWriteConflictException RequestExpired
RequestLimitExceeded RequestThrottled RequestThrottledException RequestTimeTooSkewed
RequestTimeout RequestTimeoutException ResourceInUseException ResourceNotFoundException
ServerError ServiceException ServiceQuotaExceededException ServiceUnavailable
ServiceUnavailableException SignatureDoesNotMatch SlowDown SubscriptionRequiredException
TableInUseException TableNotFoundException TokenRefreshRequired TooManyRequestsException
TransactionConflict TransactionConflictException TransactionInProgressException
UnauthorizedException UnrecognizedClientException
"""
PASSING_CODES = frozenset(_CODES.split())
"""Codes that pass. A table or a key that is missing is among them: it is a fault of the stage, and
comes back with a deploy."""
PASSING_PREFIXES = (
    *("AccessDenied", "InternalServer", "Throttl"),
    *("KMS", "Kms", "Xks", "CloudHsm", "CustomKeyStore"),
)
PASSING_TYPES = (
    BuildCapacityExceeded,
    Busy,
    HTTPError,
    TrackerRateLimited,
    MessageNotSent,
    OSError,
    Superseded,
    WriteConflict,
    Throttled,
)
"""Types that always pass. Timeouts, refused connections and what `requests` raises are OSErrors."""
FILE_ERRORS = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError)
"""OSErrors that are not caused by a network."""
WRONG_PARAMETERS = (
    boto.MissingParametersError,
    boto.ParamValidationError,
    boto.UnknownParameterError,
    boto.ValidationError,  # out of range, an unknown key
)
"""Requests that botocore refuses to send. Its other errors are faults of network or machine."""


def is_transient_failure(error: BaseException) -> bool:
    """Return whether a failure passes by itself, or with what an operator does for the stage."""
    if isinstance(error, ForgeError | TrackerUnreachable):
        return error.passes
    if isinstance(error, PASSING_TYPES):
        return not isinstance(error, FILE_ERRORS)
    if isinstance(error, boto.ClientError):
        return _answer_passes(error.response)
    if isinstance(error, boto.BotoCoreError | ResponseParserError):
        return not isinstance(error, WRONG_PARAMETERS)
    cause = getattr(error, "cause", None) or error.__cause__  # the first is pynamodb's
    if isinstance(error, DomainError) or not isinstance(cause, BaseException):
        return False
    return is_transient_failure(cause)


def _answer_passes(response: Mapping[str, Any]) -> bool:
    """Return whether an error answer of AWS concerns load, rights, keys or the stage itself."""
    code = str(response.get("Error", {}).get("Code", ""))
    if code == "TransactionCanceledException":
        reasons = response.get("CancellationReasons", ())
        codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
        return all(map(_code_passes, codes))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return _code_passes(code) or status >= 500 or status in PASSING_STATUSES


def _code_passes(code: str) -> bool:
    return code in PASSING_CODES or code.startswith(PASSING_PREFIXES)
