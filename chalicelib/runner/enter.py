"""Starts one program inside the namespaces of a sandbox; run by its path, without a package.

It reads what to start from a descriptor, so that nothing of the job's environment acts on it.
Nothing is imported after the mounts are the sandbox's. It ends as the program ends: with its exit
status, or by its signal. The first byte on the status descriptor says that the sandbox is entered;
what follows is why the program did not start.
"""

import ctypes
import json
import os
import signal
import sys
import warnings
from typing import Any

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main() -> None:
    spec_descriptor, status = int(sys.argv[1]), int(sys.argv[2])
    with open(spec_descriptor, encoding="utf-8", errors="surrogateescape") as stream:
        stream.seek(0)
        spec = json.load(stream)
    os.set_inheritable(status, False)
    _enter(spec["namespaces"], status)
    os.write(status, b"E")
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        try:
            _become(spec)
        except OSError as error:
            os.write(status, json.dumps([error.errno, str(error)]).encode())
        except BaseException as error:
            os.write(status, json.dumps([None, str(error)]).encode())
        finally:
            os._exit(127)
    os.close(status)
    _end_like(child)


def _enter(namespaces: list[int], status: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for descriptor in namespaces:
        if libc.setns(descriptor, 0) != 0:
            number = ctypes.get_errno()
            os.write(status, os.strerror(number).encode())
            sys.exit(1)
        os.close(descriptor)


def _become(spec: dict[str, Any]) -> None:
    os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if spec["user"] is not None:
        os.setgroups([])
        os.setresgid(*[spec["user"]] * 3)
        os.setresuid(*[spec["user"]] * 3)
    os.chdir(spec["cwd"])
    os.execvpe(spec["argv"][0], spec["argv"], spec["environment"])


def _end_like(child: int) -> None:
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    assert warnings  # `execvpe` imports it, and by then the interpreter's files may be hidden
    main()
