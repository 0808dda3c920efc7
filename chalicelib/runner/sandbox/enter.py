"""Starts programs inside the namespaces of one sandbox; run by its path, without a package.

Each request has one byte and descriptors: a file with the command, a socket for the answers, and
the program's own descriptors. So nothing of a job's environment acts on this process. It enters no
namespace itself: for each request it forks a process that does, starts the program there, and
answers twice: how the start went, and how the program ended. An answer is one packet of three
texts: its kind, a number and a message. Nothing is imported once the mounts are the sandbox's. It
ends when the other end of its socket is closed.
"""

import _socket  # `socket` takes as long to load as Python itself
import ctypes
import fcntl
import marshal
import os
import signal
import sys

_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_MAX_DESCRIPTORS = 250
_MAX_ANSWER_BYTES = 4096


def main() -> None:
    requests = _socket.socket(fileno=int(sys.argv[1]))
    namespaces = [int(number) for number in sys.argv[2:]]
    for descriptor in (requests.fileno(), *namespaces):
        os.set_inheritable(descriptor, False)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    libc = ctypes.CDLL(None, use_errno=True)
    living = 0
    while descriptors := _receive(requests):
        if os.fork() == 0:
            requests.close()
            _attend(libc, namespaces, *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        living += 1
        while living and os.waitpid(-1, os.WNOHANG)[0]:
            living -= 1


def _receive(requests: _socket.socket) -> list[int]:
    """Return the descriptors of the next request; none where the other end is closed."""
    room = _socket.CMSG_SPACE(_MAX_DESCRIPTORS * 4)
    _, parts, _, _ = requests.recvmsg(1, room, _socket.MSG_CMSG_CLOEXEC)
    return [number for _, _, data in parts for number in memoryview(data).cast("i")]


def _attend(
    libc: ctypes.CDLL, namespaces: list[int], spec: int, answers: int, *descriptors: int
) -> None:
    """Start one program, wait for its end, and report both; never return."""
    try:
        with open(spec, "rb", closefd=False) as stream:
            stream.seek(0)
            user, argv, environment, cwd, numbers = marshal.load(stream)
        _enter(libc, namespaces)
        failure, failing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(answers)
            os.close(spec)
            _become(
                failing, user, argv, environment, cwd, dict(zip(numbers, descriptors, strict=True))
            )
        for descriptor in (failing, *descriptors):
            os.close(descriptor)
        with os.fdopen(failure, "rb") as stream:
            os.write(answers, stream.read() or _answer("started", os.getpid()))
        _, status = os.waitpid(child, 0)
        os.write(answers, _answer("ended", os.waitstatus_to_exitcode(status)))
    except BaseException as error:
        os.write(answers, _answer("refused", "", str(error)))
    finally:
        os._exit(0)


def _answer(kind: str, number: int | str, message: str = "") -> bytes:
    return f"{kind}\0{number}\0{message}".encode(errors="backslashreplace")[:_MAX_ANSWER_BYTES]


def _enter(libc: ctypes.CDLL, namespaces: list[int]) -> None:
    for descriptor in namespaces:
        if libc.setns(descriptor, 0) != 0:
            raise OSError(os.strerror(ctypes.get_errno()))


def _become(
    failing: int,
    user: int | None,
    argv: list[str],
    environment: dict[str, str],
    cwd: str,
    descriptors: dict[int, int],
) -> None:
    """Become the program, or write to `failing` why that is not possible."""
    try:
        failing = fcntl.fcntl(failing, fcntl.F_DUPFD_CLOEXEC, max(descriptors) + 1)
        os.setsid()
        for number in (*_IGNORED, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        _place_descriptors(descriptors)
        if user is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        os.chdir(cwd)
        _execute(argv, environment)
    except OSError as error:
        os.write(failing, _answer("failed", error.errno or "", str(error)))
    except BaseException as error:
        os.write(failing, _answer("failed", "", str(error)))
    finally:
        os._exit(127)


def _place_descriptors(descriptors: dict[int, int]) -> None:
    """Give each descriptor its number; first all leave the numbers that are wanted."""
    above = max(descriptors) + 1
    moved = {
        number: fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above)
        for number, descriptor in descriptors.items()
    }
    for number, descriptor in moved.items():
        os.dup2(descriptor, number)


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


if __name__ == "__main__":
    main()
