"""Ends whole families of processes, also those that left their parent or their session."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Collection, Iterator
from datetime import timedelta

END_GRACE = timedelta(seconds=2)
"""From SIGTERM to SIGKILL: with a beat every 2 s, a cancel has ended everything within 5 s."""

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_GIVE_UP = timedelta(seconds=20)


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Keep others of the same user out of this process's memory and environment (root can)."""
    _prctl(_PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """Let no program that is started from here gain rights: `sudo` and its like do nothing."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def list_descendants(root: int, spare: Collection[int] = ()) -> dict[int, str]:
    """Return the state of each process below `root`, but for those in `spare` and below them."""
    children: dict[int, list[tuple[int, str]]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - a path for each process takes long
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state, parent = _read_state(name)
                children.setdefault(parent, []).append((int(name), state))
    states: dict[int, str] = {}
    parents = [root]
    while parents:
        for pid, state in children.get(parents.pop(), ()):
            if pid not in spare and pid not in states:
                states[pid] = state
                parents.append(pid)
    return states


def _read_state(pid: str) -> tuple[str, int]:
    """Return the state of a process, and its parent."""
    state, parent, *_ = read_status(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return state.decode(), int(parent)


def read_status(path: str) -> bytes:
    """Return a small file of `/proc`; raise `OSError` where its process has ended."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 8192)
    finally:
        os.close(descriptor)


def end_descendants(spare: Collection[int] = (), grace: timedelta = END_GRACE) -> bool:
    """End every descendant of this process for certain; return whether none is left.

    The process that holds a sandbox ends last: it ends everything inside, without a warning.
    """
    started = time.monotonic()
    signalled: set[int] = set()
    while living := _living_descendants(spare):
        waited = time.monotonic() - started
        if waited >= (grace + _GIVE_UP).total_seconds():
            return False
        programs = living - _keepers
        patient = bool(programs) and waited < grace.total_seconds()
        for pid in programs - signalled if patient else living:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM if patient else signal.SIGKILL)
                os.kill(pid, signal.SIGCONT)
        signalled |= programs if patient else living
        time.sleep(0.02)
    return True


def _living_descendants(spare: Collection[int]) -> set[int]:
    family = list_descendants(os.getpid(), spare)
    reap_children(family)
    return {pid for pid, state in family.items() if state not in "ZX"}


def reap_children(family: dict[int, str]) -> None:
    """Collect the dead among adopted children."""
    for pid, state in family.items():
        if state == "Z" and pid not in _owned:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)


_owned: set[int] = set()
_keepers: set[int] = set()


def keep_processes(holder: int, launcher: int) -> None:
    """Let the processes of a sandbox, with what `holder` has started, live until programs ended."""
    _owned.update({holder, launcher})
    _keepers.update({holder, launcher, *list_descendants(holder)})


def forget_keepers(*pids: int) -> None:
    """Forget a sandbox that has ended: its numbers may soon be others'."""
    _owned.difference_update(pids)
    _keepers.clear()


@contextlib.contextmanager
def own_exit_status(pid: int) -> Iterator[None]:
    """Leave the exit status of `pid` to its parent."""
    _owned.add(pid)
    try:
        yield
    finally:
        _owned.discard(pid)
