"""Saves the emulator's state while it runs, from a forked process, and loads it at the start.

The fork holds the state of one moment: requests are handled by the thread that forks. Its parent
continues at once, and pays for the pages that it changes concurrently.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import hashlib
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from infra.dev.bound import bind_to_parent
from infra.dev.emulator_parts import dump_part, load_part
from infra.dev.snapshots import Snapshot, Snapshots

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 60
NICENESS = 5
INFRASTRUCTURE = frozenset(
    ("cloudformation", "lambda", "apigateway", "apigateway_v1", "iam", "iam_sts", "eventbridge")
)
"""Services that a deploy changes step by step: while one runs, they are saved as they were before
it, so that a start after a kill deploys again from there."""
State = Mapping[str, Callable[[], Any]]


class EmulatorState:
    """The state of ministack, in the snapshots of one folder."""

    def __init__(self, folder: Path, legacy_folder: Path, save_seconds: float) -> None:
        self._snapshots = Snapshots(folder)
        self._legacy_folder = legacy_folder
        self._save_seconds = save_seconds
        self._saved = self._snapshots.newest_whole() or Snapshot()
        self._digests_of_code: dict[int, tuple[bytes, str]] = {}
        self._pool = ThreadPoolExecutor(1, "snapshots")
        self._saving: Future[int] | None = None
        self._depths: tuple[int, ...] = ()
        self._changed = not self._saved.number and any(legacy_folder.glob("*.json"))
        self._began = time.monotonic()

    def install(self) -> None:
        """Let ministack load and save by snapshots instead of by files that it overwrites."""
        application: Any = import_module("ministack.app")
        load_legacy = application.load_state
        application.load_state = lambda name: self._load(name, load_legacy)
        application.save_all = lambda state: self._save_and_wait()
        functions: Any = import_module("ministack.services.lambda_svc")
        read_legacy = functions._read_code_blob
        functions._read_code_blob = lambda digest: self._read_code(digest, read_legacy)
        functions._write_code_blob = self._digest_of_code
        functions._prune_orphan_code_blobs = lambda referenced: None

    def note_change(self) -> None:
        """Have the state saved soon."""
        self._changed = True

    async def save_while_running(self) -> None:
        """Save whenever something changed, from one process at a time."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if time.monotonic() - self._began < self._save_seconds or not self._has_changed():
                continue
            if "CREATE_IN_PROGRESS" in self._statuses():
                continue  # nobody can have used a stage that is only being made
            self._changed = False
            try:
                child = self._fork()
            except OSError as error:  # no memory or no process left: the next look tries again
                self._take(error)
                continue
            self._saving = self._pool.submit(_wait_for, child)
            status: int = await asyncio.wrap_future(self._saving)
            self._take(status)

    def _has_changed(self) -> bool:
        """Whether a request changed something, or a queue was emptied by its own poller."""
        queues: Any = sys.modules.get("ministack.services.sqs")
        if queues is not None:
            depths = tuple(len(queue["messages"]) for queue in list(queues._queues._data.values()))
            self._changed |= depths != self._depths
            self._depths = depths
        return self._changed

    def _save_and_wait(self) -> None:
        if self._saving is not None:
            self._saving.result()
        self._take(_wait_for(self._fork()))

    def _take(self, outcome: int | OSError) -> None:
        if outcome == 0:
            self._saved = self._snapshots.newest_listed() or self._saved
            for path in self._legacy_folder.glob("*.json"):
                path.unlink()
            return
        self._changed = True
        print(f"the state was not saved ({outcome}), next try soon", file=sys.stderr, flush=True)

    def _fork(self) -> int:
        """Return the process that saves the state of this moment."""
        self._began = time.monotonic()
        self._remember_code()
        updating = any(status.endswith("_IN_PROGRESS") for status in self._statuses())
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads: see `_save`
            child = os.fork()
        if child:
            return child
        code = 1
        try:
            bind_to_parent(signal.SIGKILL, parent)
            self._save(updating)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _save(self, updating: bool) -> None:
        """Write the state, in a fork that has this thread alone.

        A lock that another thread held at the fork stays locked here: the alarm ends the process,
        and the next one tries again.
        """
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE_SECONDS)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # else connections end with this process
        os.nice(NICENESS)
        gc.disable()  # nothing here lives long, and a collection would copy every page
        setattr(copy, "deepcopy", _itself)  # noqa: B010 - nobody changes the state of a fork
        persistence: Any = import_module("ministack.core.persistence")
        application: Any = import_module("ministack.app")
        parts = dict(self._saved.parts)
        for name, get_state in application._build_persistence_save_dict().items():
            if updating and name in INFRASTRUCTURE:
                continue
            state = get_state()
            if state is not None:
                parts[name] = self._write(persistence, state)
        code = [
            self._snapshots.write_part(content, digest)
            for content, digest in self._digests_of_code.values()
        ]
        files = self._saved.files if updating else ()
        self._snapshots.publish(parts, [*code, *files])

    def _write(self, persistence: Any, state: Any) -> str:
        return self._snapshots.write_part(dump_part(state, persistence))

    def _load(self, name: str, load_legacy: Callable[[str], Any]) -> Any:
        if not self._saved.number:
            return load_legacy(name)
        digest = self._saved.parts.get(name)
        if digest is None:
            return None
        persistence: Any = import_module("ministack.core.persistence")
        return load_part(self._snapshots.read_part(digest), persistence)

    def _statuses(self) -> set[str]:
        """Return the statuses of all stacks."""
        formation: Any = sys.modules.get("ministack.services.cloudformation")
        if formation is None:
            return set()
        return {str(stack.get("StackStatus")) for stack in list(formation._stacks._data.values())}

    def _remember_code(self) -> None:
        """Take the digest of each function's code once, before the fork, where it is kept."""
        functions: Any = sys.modules["ministack.services.lambda_svc"]
        earlier, self._digests_of_code = self._digests_of_code, {}
        for function in list(functions._functions._data.values()):
            for record in (function, *function.get("versions", {}).values()):
                code = record.get("code_zip")
                if isinstance(code, bytes):
                    entry = earlier.get(id(code)) or (code, _sha256(code))
                    self._digests_of_code[id(code)] = entry

    def _digest_of_code(self, code: bytes) -> str:
        return self._digests_of_code[id(code)][1]

    def _read_code(self, digest: str, read_legacy: Callable[[str], Any]) -> Any:
        if digest in self._saved.files:
            return self._snapshots.read_part(digest)
        return read_legacy(digest)


def _itself(value: Any, memo: Any = None) -> Any:
    return value


def _wait_for(child: int) -> int:
    return os.waitpid(child, 0)[1]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
