"""What a body asks of a task, or every fault it has: of each field, and of fields together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.domain.blueprint import Kind
from chalicelib.domain.errors import Fault, Invalid
from chalicelib.domain.repo import leaves_open
from chalicelib.domain.template import compile_template
from chalicelib.web import models


def task(body: dict[str, Any], known: Iterable[Fault] = ()) -> models.NewTask:
    """Return the task that a body asks for, or raise `Invalid` with all its faults.

    `known` are faults that whoever made the body found before.
    """
    return models.parsed(models.NewTask, body, also=[*known, *_faults(body)])


def _faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what no field shows by itself; what is of a wrong type its own field says."""
    if not (body.get("name") or body.get("title")):
        yield Fault("name", "give a name or a title")
    if not (_text(body, "prompt").strip() or body.get("promptTemplateId")):
        yield Fault("prompt", "give a prompt, or a template of the library (promptTemplateId)")
    for name in ("title", "prompt"):
        yield from _template_faults(name, _text(body, name))
    yield from _agent_faults(body)
    kind = body.get("type", Kind.REPO_TASK.value)
    if kind in tuple(Kind):
        yield from _kind_faults(Kind(kind), body)


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    return found if isinstance(found, str) else ""


def _template_faults(name: str, text: str) -> Iterator[Fault]:
    try:
        compile_template(text)
    except Invalid as error:
        yield Fault(name, error.message)


def _agent_faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    named = body.get("agentType") == "command"
    if named and not body.get("agentCommand"):
        yield Fault("agentCommand", "the agent 'command' needs a script")
    if body.get("agentCommand") and not named:
        yield Fault("agentCommand", "only the agent 'command' has a script")


def _kind_faults(kind: Kind, body: Mapping[str, Any]) -> Iterator[Fault]:
    if kind is Kind.STANDALONE:
        if body.get("repoUrl") or body.get("repoBranch"):
            yield Fault("repoUrl", "a standalone task has no repo")
        return
    if not body.get("repoUrl"):
        yield Fault("repoUrl", f"a {kind.value} needs a repo")
    if kind is Kind.REPO_TASK and leaves_open(_text(body, "repoUrl")):
        yield Fault("repoUrl", "only a repo-blueprint takes its repo from a ticket")
    if kind is Kind.REPO_TASK and body.get("triggers"):
        yield Fault("triggers", "only a repo-blueprint or a standalone has triggers")
