"""Messages of the queues: what is sent can be read, and nothing else."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.messages import (
    DeliverNotification,
    FireTrigger,
    HandleRun,
    ResolveAnnouncement,
    StepMessage,
    decode_message,
    encode_message,
    step_name,
)
from chalicelib.pipeline import notification_steps, outside_steps, run_steps, schedule_steps

KINDS = StepMessage.__subclasses__()
STEPS = (run_steps.advance, outside_steps.consult, notification_steps.notify, schedule_steps.fire)


def kinds_taken(step: Any) -> set[type]:
    (annotation,) = [kind for kind in get_type_hints(step.func).values() if kind is not type(None)]
    return set(get_args(annotation))


def any_message() -> st.SearchStrategy[StepMessage]:
    return st.sampled_from(KINDS).flatmap(
        lambda kind: st.builds(kind, **{name: st.text() for name in kind.__struct_fields__})
    )


@given(any_message())
def test_a_message_is_read_as_it_was_sent(message: StepMessage):
    body = json.loads(json.dumps(encode_message(message)))
    assert body["step"] == step_name(message)
    assert decode_message({**body, "correlationId": "c"}, type(message)) == message


def test_every_message_is_taken_by_a_step():
    assert set(KINDS) == set().union(*map(kinds_taken, STEPS))


def test_a_message_of_a_schedule_without_its_step_is_read():
    body = {"triggerId": "t", "definitionId": "b"}
    assert decode_message(body, FireTrigger) == FireTrigger("t", "b")


@pytest.mark.parametrize(
    "body",
    [
        {"step": "unknown", "runId": "r"},
        {"step": "tell"},
        {"runId": "r"},
        {"step": "deliver", "webhookId": 5, "place": "p"},
        [],
        None,
    ],
)
def test_anything_else_is_refused(body: object):
    with pytest.raises(ValueError, match=r"\w"):
        decode_message(body, ResolveAnnouncement | DeliverNotification)


def test_a_step_returns_what_it_cannot_read_and_does_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    handled: list[str] = []
    monkeypatch.setattr(
        run_steps.step_failures, "step_of_run", lambda world, run_id, step: handled.append(run_id)
    )
    bodies = ['{"step": "run", "runId": "a"}', "no JSON", '{"step": "unknown"}', "[1]"]
    bodies.append(json.dumps(encode_message(HandleRun("b"))))
    records = [
        {"messageId": str(number), "body": body, "receiptHandle": "r"}
        for number, body in enumerate(bodies)
    ]
    answer = run_steps.advance({"Records": records}, None)
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["1", "2", "3"]
    assert handled == ["a", "b"]
    assert [record.getMessage() for record in caplog.records].count("message cannot be read") == 3
