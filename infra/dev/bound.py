"""Binds a process to its parent: when the parent is killed, the process gets a signal.

`python -m infra.dev.bound TERM program …` starts a program that way.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def bind_to_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Have the kernel send a signal to this process when its parent ends.

    `parent` is who started it. A parent that ended before this call is noticed as well.
    """
    expected = os.getppid() if parent is None else parent
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != expected:
        os.kill(os.getpid(), number)


if __name__ == "__main__":
    bind_to_parent(signal.Signals[f"SIG{sys.argv[1]}"])
    os.execvp(sys.argv[2], sys.argv[2:])
