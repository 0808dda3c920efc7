"""The output files of agents: upload URLs for runners, and download URLs for readers."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.actions.jobs import jobs
from chalicelib.domain.errors import NotFound
from chalicelib.domain.ids import RunId
from chalicelib.domain.runs.kept_work import check_kept_files
from chalicelib.domain.runs.output import RESERVED_NAMES, RunOutput, check_outputs
from chalicelib.domain.runs.run import Run
from chalicelib.ports import World


def upload_urls(
    world: World, run_id: RunId, attempt: int, outputs: Iterable[RunOutput]
) -> list[tuple[RunOutput, str]]:
    """Return each file of a running attempt with the URL to upload it to.

    Nothing is stored: an uploaded file counts once the attempt's report names it. Raises `Invalid`
    for a name, size or number that is not allowed, and `Superseded` if the attempt has ended.
    """
    all_outputs = tuple(outputs)
    reserved = tuple(output for output in all_outputs if output.name in RESERVED_NAMES)
    others = tuple(output for output in all_outputs if output.name not in RESERVED_NAMES)
    checked = check_outputs(others, "files") + (
        check_kept_files(reserved, "files") if reserved else ()
    )
    jobs.get_working_run(world, run_id, attempt)
    return [(output, world.outputs.upload_url(run_id, attempt, output)) for output in checked]


def download_url(world: World, run: Run, name: str) -> str:
    """Return a download URL for a file of a run, valid for some minutes, or raise `NotFound`."""
    for attempt, output in list_files(run):
        if output.name == name:
            return world.outputs.download_url(run.id, attempt, output)
    raise NotFound("output", name[:200])


def list_files(run: Run) -> list[tuple[int, RunOutput]]:
    """Return the files of a run with the numbers of their attempts; its kept work comes last."""
    left = (
        [(run.attempt_with_outputs.number, output) for output in run.attempt_with_outputs.outputs]
        if run.attempt_with_outputs
        else []
    )
    kept_files = [(run.kept.attempt, output) for output in run.kept.files] if run.kept else []
    return left + kept_files
