"""Dead letters are shown, and sent to their queue again on request."""

from __future__ import annotations

import time

import boto3
import pytest

from chalicelib.settings import settings
from infra.release import dead_letters
from tests.conftest import Stage


def letters(sqs: object, queue: str) -> list[str]:
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]  # type: ignore[attr-defined]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)  # type: ignore[attr-defined]
    return [one["Body"] for one in found.get("Messages", [])]


def test_dead_letters_are_shown_and_put_back_when_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    sqs = boto3.client("sqs", region_name=settings.region)
    dead = sqs.get_queue_url(QueueName=f"{settings.queue_name('steps')}-dead")["QueueUrl"]
    for number in range(12):
        sqs.send_message(QueueUrl=dead, MessageBody=f'{{"kind": "run", "id": "{number}"}}')
    monkeypatch.setattr(dead_letters, "LOOK_SECONDS", 1)

    monkeypatch.setattr("sys.argv", ["dead-letters"])
    dead_letters.main()
    said = capsys.readouterr().out
    assert f"{settings.queue_name('steps')}: 12 dead letters" in said
    assert f"{settings.queue_name('fire')}: 0 dead letters" in said
    assert '"id": "11"' in said
    assert letters(sqs, settings.queue_name("steps")) == []

    time.sleep(1.2)  # until the letters that were looked at can be seen again
    monkeypatch.setattr("sys.argv", ["dead-letters", "back"])
    dead_letters.main()
    assert "12 put back" in capsys.readouterr().out
    assert len(letters(sqs, settings.queue_name("steps"))) == 10
    assert letters(sqs, f"{settings.queue_name('steps')}-dead") == []
