"""`make dead-letters`: what no step could do, and the way back for it."""

from __future__ import annotations

import sys
from typing import Any

from infra.package.resources import queue_sources
from infra.release import operator_cli

AT_ONCE = 10
LOOK_SECONDS = 60


def main() -> None:
    """Show the dead letters of STAGE; with `back`, send them to their queue again."""
    with operator_cli.plainly():
        _show(operator_cli.target().client("sqs"), back=sys.argv[1:] == ["back"])


def _show(sqs: Any, *, back: bool) -> None:
    for source in queue_sources():
        name = str(source.queue)
        letters = _letters(sqs, f"{name}-dead")
        print(f"{name}: {len(letters)} dead letters")
        for letter in letters:
            print(f"  {letter['Body']}  (tried {_tries(letter)} times)")
        if back:
            print(f"  {_put_back(sqs, name, letters)} put back")


def _letters(sqs: Any, queue: str) -> list[Any]:
    """Return the messages of a queue, hidden from other readers for a minute."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    letters: dict[str, Any] = {}
    while True:
        page = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=AT_ONCE,
            VisibilityTimeout=LOOK_SECONDS,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
        ).get("Messages", [])
        if not page:
            return list(letters.values())
        letters |= {letter["MessageId"]: letter for letter in page}


def _tries(letter: Any) -> str:
    return str(letter.get("Attributes", {}).get("ApproximateReceiveCount", "?"))


def _put_back(sqs: Any, name: str, letters: list[Any]) -> int:
    """Send first and delete then: a letter may come twice, which every step bears, but never go."""
    queue = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    dead = sqs.get_queue_url(QueueName=f"{name}-dead")["QueueUrl"]
    for letter in letters:
        sqs.send_message(QueueUrl=queue, MessageBody=letter["Body"])
        sqs.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
    return len(letters)


if __name__ == "__main__":
    main()
