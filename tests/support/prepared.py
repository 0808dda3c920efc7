"""Tables, queues and clients of AWS for the stages of tests, made once and copied."""

from __future__ import annotations

import copy
import copyreg
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.session import Session
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.ssm.models import ParameterDict

SERVICES = ("dynamodb", "sqs", "logs", "secretsmanager", "ssm", "s3")
for make in (threading.RLock, threading.Lock, threading.Condition):
    copyreg.pickle(type(make()), lambda _, make=make: (make, ()))
State = dict[tuple[str, str, str], tuple[Any, dict[str, Any]]]
Kept = tuple[State, dict[str, Any]]


def _reduced(parameters: ParameterDict) -> tuple[Any, ...]:
    """Return how a copy is made of moto's parameters, which no copy can make by itself."""
    made = (parameters.account_id, parameters.region_name)
    return ParameterDict, made, None, None, iter(parameters.items())


copyreg.pickle(ParameterDict, _reduced)


def keep() -> Kept:
    """Return what the services hold now."""
    state: State = {}
    for service in SERVICES:
        for account, regions in get_backend(service).items():
            for region, backend in regions.items():
                held = copy.deepcopy(vars(backend), {id(backend): backend})
                state[service, account, region] = (backend, held)
    return state, dict(get_backend("s3").bucket_accounts)


def give(kept: Kept) -> None:
    """Let the services, which hold nothing, hold what was kept."""
    state, buckets = kept
    for (service, account, region), (original, held) in state.items():
        backend = get_backend(service)[account][region]
        vars(backend).update(copy.deepcopy(held, {id(original): backend}))
    get_backend("s3").bucket_accounts.update(buckets)


def has_messages(queue: str) -> bool:
    """Return whether a queue has messages to receive, without the call that asks for them."""
    (regions,) = get_backend("sqs").values()
    return any(regions[region].queues[queue].messages for region in regions)


_clients: dict[str, Any] = {}


@contextmanager
def sharing_clients() -> Iterator[None]:
    """Give every stage the same clients of these services: each takes as long as a test."""
    real = Session.create_client

    def create_client(self: Session, service: str, *given: Any, **options: Any) -> Any:
        if service not in SERVICES:
            return real(self, service, *given, **options)
        config = options.get("config")
        settled = vars(config)["_user_provided_options"] if config else None
        key = repr((service, given, options | {"config": settled}))
        if key not in _clients:
            _clients[key] = real(self, service, *given, **options)
        return _clients[key]

    with patch.object(Session, "create_client", create_client):
        yield


def clear() -> None:
    """Let the services hold nothing."""
    BackendDict.reset()
    get_backend("s3").bucket_accounts.clear()
