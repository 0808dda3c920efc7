"""What runners may say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from chalicelib.domain.output import MOST_FILES, PLAIN
from chalicelib.web import models


class Claim(models.Model):
    runner: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Line(models.Model):
    seq: Annotated[int, Field(ge=1, le=10**9)]
    timestamp: datetime
    log_type: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
    content: str


class OutputFile(models.Model):
    name: Annotated[str, StringConstraints(max_length=1000)]
    size: Annotated[int, Field(ge=0, strict=True)]
    content_type: Annotated[str, StringConstraints(pattern=r"^[\w.+-]{1,60}/[\w.+-]{1,60}$")] = (
        PLAIN
    )


OutputFiles = Annotated[list[OutputFile], Field(max_length=MOST_FILES)]


class Speaks(models.Model):
    """What a runner says of one attempt."""

    run_id: str
    attempt: int


class Uploads(Speaks):
    files: OutputFiles


class Beat(Speaks):
    stage: Literal["clone", "setup", "agent", "push"] | None = None
    lines: Annotated[list[Line], Field(max_length=10000)] = []


class AgentEnd(models.Model):
    session_id: str | None = None
    model_used: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    turns: int | None = None


class Report(Beat):
    outcome: Literal["succeeded", "no_changes", "failed"]
    error_class: str | None = None
    error_message: str | None = None
    transient: bool = False
    retry_at: AwareDatetime | None = None
    branch: str | None = None
    head_sha: str | None = None
    base_sha: str | None = None
    diff_stat: str | None = None
    result_summary: str | None = None
    agent: AgentEnd | None = None
    outputs: OutputFiles = []
