"""DynamoDB transactions whose cancellation names the failed parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynamodb.exceptions import DeleteError, PutError, PynamoDBException, TransactWriteError
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Busy, Superseded
from chalicelib.ports import LostRow, Part, WriteConflict
from chalicelib.storage.dynamo.connection import RetryWindow, get_connection
from chalicelib.storage.dynamo.item_size import check_item_size

_CHECK, _DELETE, _PUT, _UPDATE = range(4)
"""The order in which pynamodb sends the items, and so the order of the cancellation reasons."""
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class Transaction:
    """Writes that happen together or not at all; each names the part that it writes."""

    def __init__(self) -> None:
        self._items: list[tuple[int, LostRow, Callable[[Any], None]]] = []

    def add_put(self, part: Part, record: Model, condition: Any = None) -> None:
        check_item_size(record)
        self._add(
            _PUT, _row_of(part, record), lambda write: write.save(record, condition=condition)
        )

    def add_check(self, part: Part, model: type[Model], key: str, condition: Any) -> None:
        self._add(
            _CHECK,
            LostRow(part, key),
            lambda write: write.condition_check(model, key, condition=condition),
        )

    def add_update(
        self, part: Part, record: Model, actions: Sequence[Any], condition: Any = None
    ) -> None:
        self._add(
            _UPDATE,
            _row_of(part, record),
            lambda write: write.update(record, actions=list(actions), condition=condition),
        )

    def add_delete(self, part: Part, record: Model, condition: Any = None) -> None:
        self._add(
            _DELETE,
            _row_of(part, record),
            lambda write: write.delete(record, condition=condition),
        )

    def _add(self, kind: int, row: LostRow, step: Callable[[Any], None]) -> None:
        if len(self._items) == 100:
            raise ValueError("a transaction holds at most 100 items")
        self._items.append((kind, row, step))

    def commit_all(self) -> None:
        """Write everything, or raise `WriteConflict` with the parts whose condition failed.

        A conflict with another transaction does not decide the outcome, so it is retried with
        jitter for two seconds, and raises `Busy` after that; a failed condition is final.
        """
        items = sorted(self._items, key=lambda item: item[0])
        patience = RetryWindow()
        while True:
            try:
                with TransactWrite(connection=get_connection()) as write:
                    for _, _, step in items:
                        step(write)
                return
            except TransactWriteError as error:
                codes = _reason_codes(error)
                lost = [
                    row
                    for (_, row, _), code in zip(items, codes, strict=False)
                    if code == "ConditionalCheckFailed"
                ]
                if lost:
                    raise WriteConflict(lost) from error
                if not _PASSING & set(codes):
                    raise
                if not patience.wait_briefly():
                    raise Busy from error


def _row_of(part: Part, record: Model) -> LostRow:
    return LostRow(part, record.id)  # type: ignore[attr-defined]


def _reason_codes(error: TransactWriteError) -> list[str]:
    return [reason.code if reason else "None" for reason in error.cancellation_reasons]


@contextmanager
def raise_superseded(what: str) -> Iterator[None]:
    """Raise `Superseded` if the single write inside is rejected by its own condition."""
    try:
        yield
    except (PutError, DeleteError) as error:
        if not is_condition_failure(error):
            raise
        raise Superseded(f"{what} was modified concurrently") from error


def is_condition_failure(error: PynamoDBException) -> bool:
    """Return whether a single write was rejected by its own condition."""
    return error.cause_response_code == "ConditionalCheckFailedException"
