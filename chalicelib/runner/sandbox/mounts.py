"""Builds bubblewrap's command line: which files of the machine a job sees, and with which rights.

Visible files are listed, not hidden ones: the system's own directories read-only, temporary
directories of the job, programs of the runner's `PATH`, and directories that the runner's owner
exposes. All paths are those of the machine, so they mean the same on both sides.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

NAMESPACES = ("ipc", "uts", "pid")
"""Beside mounts (always) and users (where the runner is not root). The network is the machine's."""

_SYSTEM = (
    *("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt"),
    *("nix", "gnu", "snap", "sys"),
)
_STATE = ("/var/lib/ca-certificates", "/var/lib/dpkg", "/var/cache/fontconfig")
_TEMPORARY = ("/tmp", "/var/tmp")
_NEVER_HIDDEN = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix", "/gnu", "/snap", "/sys")
_OF_PREFIX = ("bin", "sbin", "lib", "lib64", "libexec", "share", "include")
_SHARED_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True)
class View:
    """The files of the machine that jobs see beside the system's own, or must not see."""

    programs: tuple[str, ...] = ()
    """Read-only: programs of the runner's `PATH` with the files that they need."""
    exposed: tuple[str, ...] = ()
    """With the rights that the files have on the machine."""
    hidden: tuple[str, ...] = ()
    """The runner's own directories, empty where a directory above them is seen."""

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> View:
        return cls(*(tuple(body[name]) for name in ("programs", "exposed", "hidden")))

    def to_json(self) -> dict[str, list[str]]:
        return {
            "programs": list(self.programs),
            "exposed": list(self.exposed),
            "hidden": list(self.hidden),
        }


@dataclass(frozen=True)
class JobFolders:
    """The directories below a job's root that appear elsewhere inside its sandbox."""

    root: Path
    temporary: Path
    var_temporary: Path
    accounts: Path
    own: Path
    """The runner's own files, which no program of the job sees."""


def bubblewrap_arguments(folders: JobFolders, view: View, *, own_users: bool) -> list[str]:
    """Return the options for one job's sandbox."""
    options = [f"--unshare-{name}" for name in NAMESPACES]
    if own_users:
        number, group = str(os.geteuid()), str(os.getegid())
        options += ["--unshare-user", "--uid", number, "--gid", group]
    else:
        options += ["--cap-drop", "ALL"]
    options += ["--die-with-parent", "--tmpfs", "/", *_system_mounts(), *_device_mounts()]
    hidden = hidden_paths(view)
    for target in (*_TEMPORARY, *view.exposed, *view.programs, str(folders.root)):
        for parent in reversed(Path(target).parents):
            if not is_within(parent, ("/tmp", "/var/tmp", *_shown_paths(view))) and parent != Path(
                "/"
            ):
                options += ["--perms", "0755", "--dir", str(parent)]
    options += ["--bind", str(folders.temporary), "/tmp"]
    options += ["--bind", str(folders.var_temporary), "/var/tmp"]
    for path in sorted((*view.exposed, *hidden), key=lambda each: len(Path(each).parts)):
        options += ["--tmpfs", path] if path in hidden else ["--bind-try", path, path]
    for path in view.programs:
        options += ["--ro-bind-try", path, path]
    for name in ("passwd", "group"):
        options += ["--ro-bind", str(folders.accounts / name), f"/etc/{name}"]
    options += ["--bind", str(folders.root), str(folders.root), "--tmpfs", str(folders.own)]
    for path in ("/dev", *hidden, str(folders.own), "/"):
        options += ["--remount-ro", path]
    return options


def _shown_paths(view: View) -> tuple[str, ...]:
    return (*(f"/{name}" for name in _SYSTEM), *view.exposed)


def _system_mounts() -> Iterator[str]:
    for folder in ("/run", "/var", "/var/lib", "/var/cache"):
        yield from ("--perms", "0755", "--dir", folder)
    for directory in _SYSTEM:
        path = Path("/", directory)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    resolver = Path("/etc/resolv.conf").resolve()
    source = resolver.parent if len(resolver.parts) > 3 else resolver
    for each in (*_STATE, *([str(source)] if not is_within(resolver, ("/etc",)) else ())):
        yield from ("--ro-bind-try", each, each)
    yield from ("--symlink", "/run", "/var/run")
    yield from ("--proc", "/proc")


def _device_mounts() -> Iterator[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    size = min(_SHARED_MEMORY_BYTES, memory // 8)
    yield from ("--dev", "/dev", "--perms", "1777", "--size", str(size), "--tmpfs", "/dev/shm")


def hidden_paths(view: View) -> list[str]:
    """Return what would be seen without being hidden; never a directory of the system itself."""
    shown = ("/opt", "/etc", *view.exposed)
    return [
        path
        for path in sorted(set(view.hidden))
        if Path(path).is_dir()
        and is_within(path, shown)
        and path not in (*shown, *_TEMPORARY)
        and not is_within(path, _NEVER_HIDDEN)
    ]


class MountPoint(NamedTuple):
    """A place for a mount in a directory that belongs to the job."""

    source: Path
    path: Path
    is_file: bool


def mount_points(folders: JobFolders, view: View) -> list[MountPoint]:
    """Return the mounts whose targets lie in the job's own temporary directories."""
    inside = ((Path("/tmp"), folders.temporary), (Path("/var/tmp"), folders.var_temporary))
    targets = [*view.exposed, *view.programs, *hidden_paths(view), str(folders.root)]
    return [
        MountPoint(source, Path(target).relative_to(seen), Path(target).is_file())
        for target in targets
        for seen, source in inside
        if is_within(target, (str(seen),)) and os.path.lexists(target)
    ]


def is_within(path: str | Path, parents: Iterable[str]) -> bool:
    """Return whether `path` is one of `parents` or below one."""
    return any(Path(path).is_relative_to(parent) for parent in parents)


def is_seen(path: str | Path) -> bool:
    """Return whether a path is among the system's directories that each job sees."""
    return is_within(path, [f"/{name}" for name in _SYSTEM])


def program_mounts(path: str, skipped: Iterable[str], agents: Iterable[str]) -> tuple[str, ...]:
    """Return what has to be mounted so that the programs of this `PATH` work.

    A directory of the `PATH` is mounted itself. Its links lead to where programs were installed,
    and a script names its interpreter: both are mounted with the prefix that they belong to.
    """
    mounted: dict[str, None] = {}
    left_out = tuple(skipped)
    for folder in path.split(os.pathsep):
        if not Path(folder).is_absolute() or is_within(folder, left_out):
            continue
        if not is_seen(folder) and len(Path(folder).parts) > 2 and os.path.isdir(folder):  # noqa: PTH112
            mounted[folder] = None
            if Path(folder).name == "shims":
                mounted.update(dict.fromkeys(_installed_below(Path(folder, "any"))))
            for name in _names(folder):
                mounted.update(dict.fromkeys(_needed_by(Path(folder, name))))
    for name in agents:
        program = shutil.which(name, path=path)
        if program and not is_within(program, left_out):
            mounted.update(dict.fromkeys(_needed_by(Path(program))))
    return _outermost(mounted)


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_symlink() or entry.is_file()]
    except OSError:
        return []


def _needed_by(program: Path) -> Iterator[str]:
    """Yield what one program consists of, where the system's directories have it not."""
    target = Path(os.path.realpath(program))
    head = _first_line(target)
    if head is None:
        return
    if not is_seen(target):
        yield from _installed_below(target)
    shebang = head[2:].decode(errors="replace").split() if head.startswith(b"#!") else []
    interpreter = Path(os.path.realpath(shebang[0])) if shebang else Path("/bin/sh")
    if _first_line(interpreter) is not None and not is_seen(interpreter):
        yield from _installed_below(interpreter)


def _first_line(program: Path) -> bytes | None:
    """Return the beginning of a file; nothing if the runner cannot read it as a file."""
    try:
        with open(program, "rb", opener=_open_at_once) as stream:
            return stream.readline(256) if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else None
    except OSError:
        return None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _installed_below(program: Path) -> list[str]:
    """Return the directories that hold all of a program: its npm modules, its prefix, or itself.

    Of a prefix only what holds programs: beside it a tool may keep its owner's credentials.
    """
    for parent in program.parents:
        if parent.name == "node_modules":
            return [str(parent)]
    prefix = program.parent.parent
    is_shared = prefix in (Path("/"), Path("/root"), *map(Path, _TEMPORARY))
    if is_shared or prefix.parent in (Path("/home"), Path("/")) or prefix.name == ".local":
        return [str(program)]
    if program.parent.name == "shims":
        return [str(prefix)]
    if program.parent.name in _OF_PREFIX:
        return [str(prefix / name) for name in _OF_PREFIX if os.path.isdir(prefix / name)]  # noqa: PTH112
    return [str(program)]


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths in an order in which none hides another."""
    outermost: list[str] = []
    for path in sorted(paths, key=lambda each: (len(Path(each).parts), each)):
        if not is_within(path, outermost):
            outermost.append(path)
    return tuple(outermost)
