"""Starts one program inside the namespaces of a sandbox; run by its path, without a package.

It reads its command from a descriptor, so that nothing of the job's environment acts on it.
Nothing is imported after the mounts are the sandbox's. It ends as the program ends: with its exit
status, or by its signal. The first byte on the status descriptor reports that the sandbox is
entered; later bytes are the reason why the program did not start. A job starts about seventy
programs through this one, so it imports only modules that load fast.
"""

import ctypes
import marshal
import os
import signal
import sys

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main() -> None:
    spec_descriptor, status = int(sys.argv[1]), int(sys.argv[2])
    with open(spec_descriptor, "rb") as stream:
        stream.seek(0)
        namespaces, user, argv, environment, cwd = marshal.load(stream)
    os.set_inheritable(status, False)
    _enter(namespaces, status)
    os.write(status, b"E")
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        try:
            _become(user, argv, environment, cwd)
        except OSError as error:
            os.write(status, marshal.dumps((error.errno, str(error))))
        except BaseException as error:
            os.write(status, marshal.dumps((None, str(error))))
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


def _become(user: int | None, argv: list[str], environment: dict[str, str], cwd: str) -> None:
    os.setsid()
    for number in _IGNORED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.chdir(cwd)
    _execute(argv, environment)


def _execute(argv: list[str], environment: dict[str, str]) -> None:
    """Become the program, as `os.execvpe` does, which imports a module for its warnings."""
    if "/" in argv[0]:
        os.execve(argv[0], argv, environment)
    first: OSError | None = None
    for folder in environment.get("PATH", os.defpath).split(":"):
        try:
            os.execve(f"{folder or '.'}/{argv[0]}", argv, environment)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            first = first or error
    raise first or FileNotFoundError(2, os.strerror(2))


def _end_like(child: int) -> None:
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
