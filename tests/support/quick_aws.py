"""Calls of moto and botocore in fewer steps: what is the same for each call is found once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore import xform_name
from botocore.awsrequest import AWSRequest
from botocore.loaders import JSONFileLoader
from botocore.signers import RequestSigner
from moto.backend_index import backend_url_patterns
from moto.core import responses
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.sqs import models as sqs

from tests.support.prepared import SERVICES

NEVER_VERIFIED = {"dynamodb", "sqs"}
"""The services of most calls. Moto refuses an unsigned request for an object of S3."""
LOOPBACK = {"127.0.0.1", "localhost"}
_sign = RequestSigner.sign


@contextmanager
def quick_calls() -> Iterator[None]:
    """Let every stage of the process share what does not depend on its calls."""
    names = functools.cache(responses.method_names_from_class)
    with ExitStack() as patched:
        patched.enter_context(_models_read_once())
        patched.enter_context(_own_services_first())
        for target, name, replacement in (
            (responses, "method_names_from_class", names),
            (sqs, "camelcase_to_underscores", functools.cache(sqs.camelcase_to_underscores)),
            (responses, "gen_amzn_requestid_long", _name_request),
            (XFormedAttributePicker, "get_possible_keys", _possible_keys),
            (RequestSigner, "sign", _sign_if_sent),
        ):
            patched.enter_context(patch.object(target, name, replacement))
        yield


@contextmanager
def _models_read_once() -> Iterator[None]:
    """Let every stage make clients of its own from the same models of botocore: they are large."""
    real = JSONFileLoader.load_file
    read = functools.cache(functools.partial(real, JSONFileLoader()))
    with patch.object(JSONFileLoader, "load_file", lambda self, path: read(path)):
        yield


@contextmanager
def _own_services_first() -> Iterator[None]:
    """Let a URL be compared with the patterns of a stage's services before those of all others."""
    before = list(backend_url_patterns)
    backend_url_patterns.sort(key=lambda pattern: pattern[0] not in SERVICES)
    try:
        yield
    finally:
        backend_url_patterns[:] = before


def _name_request(headers: dict[str, Any] | None = None) -> str:
    if headers is not None:
        headers["x-amzn-requestid"] = "a-request"
    return "a-request"


def _sign_if_sent(
    self: RequestSigner, operation_name: str, request: AWSRequest, *given: Any, **named: Any
) -> None:
    """Leave a request to moto unsigned, unless moto asks who sent it: it verifies nothing."""
    if self.signing_name not in NEVER_VERIFIED or urlsplit(request.url).hostname in LOOPBACK:
        _sign(self, operation_name, request, *given, **named)


def _possible_keys(self: XFormedAttributePicker, context: AttributePickerContext) -> list[str]:
    """Return the names under which an object may have a member of an answer."""
    shape, service = context.shape, context.service_model
    parent = getattr(shape, "parent", None)
    place = (
        type(context.obj),
        context.key,
        shape.name,
        getattr(parent, "name", ""),
        service.service_name if service else "",
    )
    found = _KEYS.get(place)
    if found is None:
        keys = super(XFormedAttributePicker, self).get_possible_keys(context)
        found = _KEYS[place] = [each for key in keys for each in (key, xform_name(key))]
    return found


_KEYS: dict[Any, list[str]] = {}
