"""`make package`: the one deployable artefact, with byte code, the same for the same sources."""

from __future__ import annotations

import compileall
import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.settings import CONFIGURABLE_VARIABLES, Settings
from infra.package.gateway import completed
from infra.package.prune import slimmed
from infra.package.resources import template

ROOT = Path(__file__).resolve().parent.parent.parent
EPOCH = (2020, 1, 1, 0, 0, 0)


def build(out: Path) -> str:
    """Write `sam.json` and `deployment.zip` to `out` and return the hash of both."""
    with _alone():
        return _build(out)


@contextmanager
def _alone() -> Iterator[None]:
    """Let one build follow another: they share the wheels that chalice keeps."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_template(out: Path) -> None:
    """Write `sam.json` to `out` without the artefact that it names, in a fifth of the time."""
    with _alone():
        _package(out)


def _build(out: Path) -> str:
    _package(out)
    _compiled(out / "raw" / "deployment.zip", out / "deployment.zip", out / "unpacked")
    return digest(out)


def _package(out: Path) -> None:
    """Have chalice make a template, and an artefact with all files of all libraries in `raw`."""
    source = out / "source"
    raw = out / "raw"
    for folder in (source, raw):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    stage = os.environ.get("STAGE", "dev")
    _copy_sources(source, stage)
    merge = out / "merge.json"
    merge.write_text(json.dumps(template(), indent=1, sort_keys=True))
    command = [
        str(Path(sys.executable).parent / "chalice"),
        "package",
        "--merge-template",
        str(merge),
    ]
    subprocess.run(
        [*command, "--stage", stage, str(raw)],
        cwd=source,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(source)},
    )
    sam = _configured(json.loads((raw / "sam.json").read_text()))
    (out / "sam.json").write_text(json.dumps(sam, indent=1, sort_keys=True))


def _configured(sam: dict[str, Any]) -> dict[str, Any]:
    """Give each function the settings that this stage is packaged with."""
    # Metrics of the gateway carry this name, so that two stages of an account are told apart.
    api = sam["Resources"]["RestAPI"]["Properties"]
    name = f"optio-{os.environ.get('STAGE', 'dev')}"
    api["DefinitionBody"] = completed(api["DefinitionBody"], name)
    chosen = {name: os.environ[name] for name in CONFIGURABLE_VARIABLES if os.environ.get(name)}
    for resource in sam["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Environment"]["Variables"] |= chosen
    return sam


def tick_sentence() -> str:
    """Return a sentence on how often the tick comes, and whether it was rounded."""
    chosen = Settings(os.environ)
    minutes = int(chosen.tick_interval.total_seconds()) // 60
    milliseconds = os.environ.get("OPTIO_WORKFLOW_TRIGGER_INTERVAL", "").strip()
    rounded = milliseconds and int(milliseconds) != minutes * 60_000
    why = f" (rounded from {milliseconds} ms: whole minutes, 1 to 7)" if rounded else ""
    return f"the tick comes every {minutes} min{why}; schedules fire as precisely either way"


def digest(out: Path) -> str:
    """Return the hash of a built package."""
    sha = hashlib.sha256()
    for name in ("sam.json", "deployment.zip"):
        sha.update((out / name).read_bytes())
    return sha.hexdigest()


def _copy_sources(target: Path, stage: str) -> None:
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(ROOT / name, target / name)
    without = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(ROOT / name, target / name, ignore=without)
    _only_stage(target / ".chalice" / "config.json", stage)
    for policy in (target / ".chalice" / "policies").glob("*.json"):
        policy.write_text(policy.read_text().replace("@stage@", stage))
    # Chalice keeps the wheels of earlier builds here: a rebuild then takes seconds.
    cache = ROOT / "build" / "deployments"
    cache.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target / ".chalice" / "deployments", ignore_errors=True)
    (target / ".chalice" / "deployments").symlink_to(cache)


def _only_stage(file: Path, stage: str) -> None:
    """Let every stage be configured as the one in the file is; only its name differs."""
    config = json.loads(file.read_text())
    (pattern,) = config["stages"].values()
    config["stages"] = {stage: {**pattern, "environment_variables": {"STAGE": stage}}}
    file.write_text(json.dumps(config))


def _compiled(raw: Path, out: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(raw) as archive:
        archive.extractall(folder)
    slimmed(folder)
    for cache in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    with _caching_beside_sources():
        compileall.compile_dir(
            str(folder), quiet=2, stripdir=str(folder), invalidation_mode=unchecked, workers=0
        )
    # A build starts the runner with the Python of its image, which does not read this byte code.
    for cache in sorted((folder / "chalicelib" / "runner").rglob("__pycache__")):
        shutil.rmtree(cache)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    shutil.rmtree(folder)


@contextmanager
def _caching_beside_sources() -> Iterator[None]:
    """Let byte code be written where Lambda looks for it, whatever this machine prefers."""
    variable = os.environ.pop("PYTHONPYCACHEPREFIX", None)
    prefix, sys.pycache_prefix = sys.pycache_prefix, None
    try:
        yield
    finally:
        sys.pycache_prefix = prefix
        if variable is not None:
            os.environ["PYTHONPYCACHEPREFIX"] = variable


def main() -> None:
    """Build the package of this stage, and print where it is."""
    where = ROOT / "build" / "package"
    print(build(where), where)
    print(tick_sentence())
