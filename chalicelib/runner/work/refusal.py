"""Reasons why the commits of a snapshot are not pushed."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.error_class import ErrorClass

UNREAD = "the files of the workspace cannot be read in time: what is not committed is lost"
_MOST_REASONS = 20


@dataclass(frozen=True)
class Refusal:
    """The reason why a snapshot is not pushed."""

    reason: str
    error_class: ErrorClass = ErrorClass.ATTENTION


def join_reasons(reasons: list[Refusal]) -> Refusal | None:
    if not reasons:
        return None
    sentences = [each.reason for each in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        sentences.append(f"and {len(reasons) - _MOST_REASONS} more")
    return Refusal("; ".join(sentences), reasons[0].error_class)
