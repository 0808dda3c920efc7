"""Closed sets: rows and the API hold their values, so a value never changes."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args, get_type_hints

import pytest

from chalicelib.domain.blueprints.blueprint import MissingParams, OpenPrPolicy, PartialWork
from chalicelib.domain.error_class import (
    FORGE_OUTAGE_CLASSES,
    LIMIT_CLASSES,
    TRANSIENT_CLASSES,
    ErrorClass,
)
from chalicelib.domain.firing.firing import Skip
from chalicelib.domain.pool import ComputeType, Pool
from chalicelib.domain.pull_requests.checks import CheckState, ReviewState
from chalicelib.domain.pull_requests.forge import ForgeError, ForgeErrorKind
from chalicelib.domain.pull_requests.pull_request import PullRequestState
from chalicelib.domain.runs.attempt import AttemptOutcome
from chalicelib.domain.runs.phase import Phase
from chalicelib.domain.texts.skip_reason import SKIP_SENTENCES, describe_reason
from chalicelib.domain.trigger_type import TriggerType
from chalicelib.web.schemas import requests, runner_requests

VALUES = {
    TriggerType: "manual schedule webhook ticket",
    Phase: "clone setup agent test push publish",
    Pool: "codebuild self-hosted",
    ComputeType: (
        "BUILD_GENERAL1_SMALL BUILD_GENERAL1_MEDIUM BUILD_GENERAL1_LARGE BUILD_GENERAL1_XLARGE"
        " BUILD_GENERAL1_2XLARGE"
    ),
    AttemptOutcome: "succeeded no_changes failed lost",
    OpenPrPolicy: "allow skip update",
    MissingParams: "run skip fail",
    PartialWork: "branch draft",
    PullRequestState: "open closed merged",
    CheckState: "unknown none pending success failure",
    ReviewState: "unknown none pending approved changes_requested",
}
REQUESTS: list[tuple[type, str, set[str]]] = [
    (runner_requests.Beat, "stage", set(Phase) - {Phase.PUBLISH}),
    (runner_requests.Span, "stage", set(Phase) - {Phase.PUBLISH}),
    (runner_requests.Report, "outcome", set(AttemptOutcome) - {AttemptOutcome.LOST}),
    (requests.NewRepo, "runner", set(Pool)),
    (requests.NewRepo, "compute_type", set(ComputeType)),
    (requests.NewTask, "compute_type", set(ComputeType)),
    (requests.NewTask, "on_open_pr", set(OpenPrPolicy)),
    (requests.NewTask, "missing_params", set(MissingParams)),
    (requests.NewTask, "partial_work", set(PartialWork)),
]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_the_stored_values_of_a_set_do_not_change(kind: type[StrEnum]):
    assert list(kind) == VALUES[kind].split()


def test_each_skip_has_a_sentence():
    assert set(Skip) == set(SKIP_SENTENCES)
    assert describe_reason("a failure") == "a failure"
    assert describe_reason(None) == ""


@pytest.mark.parametrize("model, field, values", REQUESTS)
def test_a_request_takes_each_value_of_its_set(model: type, field: str, values: set[str]):
    hint = get_type_hints(model)[field]
    literals = [hint, *get_args(hint)]
    assert {
        word
        for literal in literals
        if getattr(literal, "__origin__", None) is Literal
        for word in get_args(literal)
    } == values


@pytest.mark.parametrize("kind", ForgeErrorKind)
def test_each_refusal_of_a_forge_has_an_error_class(kind: ForgeErrorKind):
    assert ForgeError(kind, "no").error_class == f"forge_{kind}"


def test_error_classes_are_named_once():
    forge = {name for name in ErrorClass if name.startswith("forge_")}
    assert forge == {f"forge_{kind}" for kind in ForgeErrorKind}
    assert set(ErrorClass) > LIMIT_CLASSES | TRANSIENT_CLASSES | FORGE_OUTAGE_CLASSES
