"""Removes the parts of libraries that this service does not use from the package."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLIENT = re.compile(r"""\baws_session\.make_client\(\s*["']([a-z0-9-]+)["']""")
STORAGE = "dynamodb"
"""pynamodb makes this client, so no line of ours names it."""
CALLED = {
    "codebuild": ("BatchGetBuilds", "StartBuild"),
    "lambda": ("GetEventSourceMapping", "UpdateEventSourceMapping"),
    "logs": ("CreateLogStream", "GetLogEvents", "PutLogEvents"),
    "ssm": ("GetParameter",),
}
"""Services of which little is called. Their descriptions are large, and a first client reads one.
"""
POWERTOOLS = ("jmespath_utils", "typing")
"""The utilities that its logs and metrics stand on; the others are tools of their own."""
UNUSED = (
    "aws_lambda_powertools/event_handler",  # routes requests: chalice does that here
    "pydantic/v1",  # the pydantic before this one
    "cffi",  # makes what ships made; `_cffi_backend` is what that runs on
    "pycparser",  # cffi's
    "dateutil/zoneinfo/*.tar.gz",  # zones: `tzdata` has newer ones
    "botocore/cacert.pem",  # certificates: botocore takes those of `certifi`
    "botocore/data/*/*/examples-1.json",  # for its documentation
    "*/tests",
    "*/benchmarks",
    "*.dist-info/RECORD",  # what pip would uninstall by
    "**/*.pyi",  # types for who writes code, which nothing that runs reads
)
"""Paths that no remaining module imports while it is loaded; a test checks it."""


def services(sources: Path) -> set[str]:
    """Return the services whose clients the sources make."""
    names = {STORAGE}
    for file in sources.rglob("*.py"):
        names.update(CLIENT.findall(file.read_text()))
    return names


def slimmed(folder: Path) -> None:
    """Remove from an unpacked package what describes other services, two thirds of its size."""
    names = services(folder / "chalicelib")
    data = folder / "botocore" / "data"
    for model in data.iterdir():
        if model.is_dir() and model.name not in names:
            shutil.rmtree(model)
    for service, operations in CALLED.items():
        *older, newest = sorted((data / service).iterdir())
        for version in older:
            shutil.rmtree(version)
        _slim_model(newest, operations)
    _slim_endpoints(data / "endpoints.json", names)
    for path in sorted(unused(folder), reverse=True):  # what lies in another goes before it
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def unused(folder: Path) -> set[Path]:
    """Return the paths of an unpacked package that are not needed here."""
    paths = {path for pattern in UNUSED for path in folder.glob(pattern)}
    utilities = (folder / "aws_lambda_powertools" / "utilities").glob("*/")
    return paths | {path for path in utilities if path.is_dir() and path.name not in POWERTOOLS}


def _slim_endpoints(file: Path, names: set[str]) -> None:
    """Leave the addresses of other services out of the list, which each cold start reads."""
    endpoints = json.loads(file.read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in sorted(names & set(services))}
    file.write_text(json.dumps(endpoints, separators=(",", ":")))


def _slim_model(folder: Path, operations: tuple[str, ...]) -> None:
    """Let a service's description hold only these operations, and the shapes that they use."""
    file = folder / "service-2.json.gz"
    model = json.loads(gzip.decompress(file.read_bytes()))
    model["operations"] = {name: model["operations"][name] for name in operations}
    used: set[str] = set()
    waiting = list(_shapes_in(model["operations"]))
    while waiting:
        shape = waiting.pop()
        if shape not in used:
            used.add(shape)
            waiting += _shapes_in(model["shapes"][shape])
    model["shapes"] = {name: model["shapes"][name] for name in sorted(used)}
    packed = gzip.compress(json.dumps(model, separators=(",", ":")).encode(), mtime=0)
    for other in folder.iterdir():
        if not other.name.startswith("endpoint-rule-set"):
            other.unlink()
    file.write_bytes(packed)


def _shapes_in(part: Any) -> Iterator[str]:
    """Yield the names of the shapes that a part of a description refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for value in part.values():
            yield from _shapes_in(value)
    elif isinstance(part, list):
        for value in part:
            yield from _shapes_in(value)
