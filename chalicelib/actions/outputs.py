"""The output files of agents: upload URLs for runners, and download URLs for readers."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.actions import jobs
from chalicelib.domain.errors import NotFound
from chalicelib.domain.kept_work import check_kept_files
from chalicelib.domain.output import RESERVED, Output, checked
from chalicelib.domain.run import Run
from chalicelib.ports import World


def uploads(
    world: World, run_id: str, attempt: int, outputs: Iterable[Output]
) -> list[tuple[Output, str]]:
    """Return each file of a running attempt with the URL to upload it to.

    Nothing is stored: an uploaded file counts once the attempt's report names it. Raises `Invalid`
    for a name, size or number that is not allowed, and `Superseded` if the attempt has ended.
    """
    listed = tuple(outputs)
    kept = tuple(output for output in listed if output.name in RESERVED)
    others = tuple(output for output in listed if output.name not in RESERVED)
    wanted = checked(others, "files") + (check_kept_files(kept, "files") if kept else ())
    jobs.working(world, run_id, attempt)
    return [(output, world.outputs.upload(run_id, attempt, output)) for output in wanted]


def address(world: World, run: Run, name: str) -> str:
    """Return a download URL for a file of a run, valid for some minutes, or raise `NotFound`."""
    for attempt, output in files_of(run):
        if output.name == name:
            return world.outputs.download(run.id, attempt, output)
    raise NotFound("output", name[:200])


def files_of(run: Run) -> list[tuple[int, Output]]:
    """Return the files of a run with the numbers of their attempts; its kept work comes last."""
    left = [(run.left.number, output) for output in run.left.outputs] if run.left else []
    kept = [(run.kept.attempt, output) for output in run.kept.files] if run.kept else []
    return left + kept
