"""A registry of npm on 127.0.0.1, with small packages, which counts what is requested."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class NpmRegistry:
    """Packages by their names, and the requests and bytes that were answered."""

    packages: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    bytes_sent: int = 0
    url: str = ""

    def add_package(self, name: str, files: Mapping[str, str], **more: Any) -> None:
        """Add version 1.0.0 of a package with these files."""
        described = {"name": name, "version": "1.0.0", **more}
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for path, text in {"package.json": json.dumps(described), **files}.items():
                entry = tarfile.TarInfo(f"package/{path}")
                entry.size, entry.mode = len(text.encode()), 0o755
                archive.addfile(entry, io.BytesIO(text.encode()))
        self.packages[name] = stream.getvalue()

    def write_lock(self, directory: Path, name: str, **more: Any) -> None:
        """Write the lock file of a project that needs one package."""
        directory.mkdir(parents=True)
        needs = {"dependencies": {name: "1.0.0"}}
        (directory / "package.json").write_text(json.dumps({"private": True, **needs}))
        locked = {"version": "1.0.0", "integrity": self._integrity(name), **more}
        lock = {
            "lockfileVersion": 3,
            "requires": True,
            "packages": {"": needs, f"node_modules/{name}": locked},
        }
        (directory / "package-lock.json").write_text(json.dumps(lock))

    def answer(self, path: str) -> bytes | None:
        """Return what is at a path: the description of a package, or its archive."""
        self.requests.append(path)
        name = path.strip("/").removesuffix("/-/archive.tgz")
        if name not in self.packages:
            return None
        body = self.packages[name] if path.endswith(".tgz") else self._describe(name)
        self.bytes_sent += len(body)
        return body

    def _describe(self, name: str) -> bytes:
        dist = {"tarball": f"{self.url}/{name}/-/archive.tgz", "integrity": self._integrity(name)}
        version = {"name": name, "version": "1.0.0", "dist": dist}
        tags = {"latest": "1.0.0"}
        return json.dumps(
            {"name": name, "dist-tags": tags, "versions": {"1.0.0": version}}
        ).encode()

    def _integrity(self, name: str) -> str:
        digest = hashlib.sha512(self.packages[name]).digest()
        return f"sha512-{base64.b64encode(digest).decode()}"


@contextmanager
def served_registry() -> Iterator[NpmRegistry]:
    """Yield a registry that listens on a free port."""
    registry = NpmRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = registry.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
