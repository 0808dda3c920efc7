"""The end of a build, as CodeBuild's events and answers report it. Loads nothing of AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.build import BuildEnd


def parse_build_end(detail: Mapping[str, Any]) -> BuildEnd:
    """Return the end of a build that an EventBridge event reports."""
    more = detail.get("additional-information") or {}
    variables = (more.get("environment") or {}).get("environment-variables") or ()
    values = {variable.get("name"): str(variable.get("value")) for variable in variables}
    return BuildEnd(
        build=str(detail.get("build-id", "")).rpartition("build/")[2],
        status=str(detail.get("build-status", "UNKNOWN")),
        message=failure_summary(more.get("phases") or ()),
        run_id=RunId(values["OPTIO_RUN_ID"]) if values.get("OPTIO_RUN_ID") else None,
        launch_id=values.get("OPTIO_LAUNCH_ID", ""),
        never_began=never_began(more.get("phases") or ()),
    )


def never_began(phases: Any) -> bool:
    """Return whether a build waited for a machine until its time was over: it did nothing."""
    return ("QUEUED", "TIMED_OUT") in {_phase(phase) for phase in phases}


def _phase(phase: Any) -> tuple[Any, Any]:
    """Return name and status of a phase: events and answers write them differently."""
    name = phase.get("phaseType") or phase.get("phase-type")
    return name, phase.get("phaseStatus") or phase.get("phase-status")


def failure_summary(phases: Any) -> str:
    """Return the messages of the failed phases, in CodeBuild's own words."""
    return "; ".join(_phase_sentences(phases))[:1500]


def _phase_sentences(phases: Any) -> Iterator[str]:
    for phase in phases:
        name, status = _phase(phase)
        if status in (None, "SUCCEEDED"):
            continue
        contexts = phase.get("contexts") or phase.get("phase-context") or ()
        descriptions = [_phase_context(context) for context in contexts]
        yield f"{name} {status}: {' '.join(part for part in descriptions if part)}".rstrip(": ")


def _phase_context(context: Any) -> str:
    if isinstance(context, dict):
        return " ".join(str(context[k]) for k in ("statusCode", "message") if context.get(k))
    return str(context).strip().removeprefix(":").strip()
