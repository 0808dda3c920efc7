"""The files that agents leave: where a runner puts them, and where a reader finds them."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.actions import jobs
from chalicelib.domain.errors import NotFound
from chalicelib.domain.output import Output, checked
from chalicelib.domain.run import Run
from chalicelib.ports import World


def uploads(
    world: World, run_id: str, attempt: int, outputs: Iterable[Output]
) -> list[tuple[Output, str]]:
    """Return where each file of a working attempt may be put.

    Nothing is written down: what was put there counts once the attempt's report names it.
    """
    wanted = checked(outputs, "files")
    jobs.working(world, run_id, attempt)
    return [(output, world.outputs.upload(run_id, attempt, output)) for output in wanted]


def address(world: World, run: Run, name: str) -> str:
    """Return where a file of a run can be read, for some minutes."""
    for output in run.left.outputs if run.left else ():
        if run.left and output.name == name:
            return world.outputs.download(run.id, run.left.number, output)
    raise NotFound("output", name[:200])
