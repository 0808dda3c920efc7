"""Programs of a repository's filters, pinned by content after setup.

A filter's command is pinned with the configuration, but the agent can change a script that the
command names. Such a filter is not run: its output cannot be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from chalicelib.runner.repository.git import Git
from chalicelib.runner.repository.job_repository import (
    PATIENCE_SECONDS,
    RepositorySetup,
    decode_path,
    split_zero,
)

_COMMAND = re.compile(r"filter\.(?P<name>.+)\.(?:clean|smudge|process)", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"[\s;|&()<>\"'`=]+")
_HASH = r"""
show() {
  [ -f "$2" ] && sha=$(sha256sum < "$2") && printf '%s %s %s\0' "$1" "${sha%% *}" "$2"
}
for word; do
  show named "$word"
  show found "$(command -v -- "$word" 2>/dev/null)"
done
true
"""
"""No git here: it would open the files of a repository in which an agent may have put a pipe."""
_OFF = '[filter "%s"]\n\tclean =\n\tsmudge =\n\tprocess =\n\trequired = false\n'


def list_words(listing: bytes, environment: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the words of each filter's commands, from `git config --null --list`."""
    words: dict[str, frozenset[str]] = {}
    for setting in listing.split(b"\0")[:-1]:
        key, _, command = setting.partition(b"\n")
        match = _COMMAND.fullmatch(decode_path(key))
        if match:
            command_words = _split_words(decode_path(command), environment)
            words[match["name"]] = words.get(match["name"], frozenset()) | command_words
    return words


def hash_programs(git: Git, workspace: Path, words: Iterable[str]) -> frozenset[str]:
    """Return the files that words name, and those that a shell finds for them, with their hashes.

    `git` is that of the job's user, with the job's variables.
    """
    argv = ("/bin/sh", "-c", _HASH, "sh", *sorted(set(words)))
    output = git.read_bytes(*argv, cwd=workspace, seconds=PATIENCE_SECONDS)
    return frozenset(split_zero(output.data))


def distrust_changed(git: Git, workspace: Path, setup: RepositorySetup) -> RepositorySetup:
    """Return the setup without the filters whose programs are other files than after setup."""
    words = {word for driver in setup.filter_words.values() for word in driver}
    if not words:
        return setup
    now = hash_programs(git, workspace, words)
    changed = setup.filter_programs - now
    changed |= {each for each in now - setup.filter_programs if each.startswith("found ")}
    files = {each.split(" ", 2)[2] for each in changed}
    distrusted = {
        driver: file
        for driver, driver_words in setup.filter_words.items()
        for file in sorted(files)
        if file in driver_words or Path(file).name in driver_words
    }
    off = "".join(_OFF % driver.replace("\\", "\\\\").replace('"', '\\"') for driver in distrusted)
    return replace(
        setup,
        config=setup.config + off.encode(),
        filters=setup.filters - set(distrusted),
        distrusted=distrusted,
    )


def _split_words(command: str, environment: Mapping[str, str]) -> frozenset[str]:
    for name in ("HOME", "PWD"):
        for written in (f"${{{name}}}", f"${name}"):
            command = command.replace(written, environment.get(name, "."))
    command = re.sub(r"(?<!\S)~/", f"{environment.get('HOME', '~')}/", command)
    return frozenset(word for word in _BETWEEN_WORDS.split(command) if word)
