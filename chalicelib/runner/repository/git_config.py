"""The configuration of a job's repository after setup, as one file that acts on nothing.

It keeps the settings by which a file becomes a blob (filters and their options, line ends,
formats). It leaves out those that start a program, read another file, or change where git works.
"""

from __future__ import annotations

import re

from chalicelib.runner.repository.job_repository import decode_path, encode_path

_LEFT_OUT_SECTIONS = frozenset(
    {
        *("include", "includeif", "credential", "url", "http", "https", "ssh", "alias", "gpg"),
        *("hook", "safe", "user", "author", "committer", "commit", "tag", "gc", "maintenance"),
        *("trace2", "sequence", "pager", "browser", "man", "help", "uploadpack", "receive"),
    }
)
_LEFT_OUT_KEYS = frozenset(
    {
        *("core.fsmonitor", "core.hookspath", "core.worktree", "core.bare", "core.sshcommand"),
        *(
            "core.askpass",
            "core.gitproxy",
            "core.editor",
            "core.pager",
            "core.attributesfile",
            "core.excludesfile",
        ),
        *("core.alternaterefscommand", "core.untrackedcache", "core.splitindex"),
        *("core.fsmonitorhookversion", "extensions.worktreeconfig", "diff.external"),
    }
)
_FILTER = re.compile(r"filter\.(?P<name>.+)\.(?:clean|process)", re.DOTALL)


def keep_settings(listing: bytes) -> bytes:
    """Return a configuration file of the settings in `git config --null --list` that are kept."""
    lines = []
    for setting in listing.split(b"\0")[:-1]:
        key, separator, text = setting.partition(b"\n")
        section, subsection, name = _split_key(decode_path(key))
        whole = f"{section}.{name}" if subsection is None else f"{section}.*.{name}"
        if section in _LEFT_OUT_SECTIONS or whole in _LEFT_OUT_KEYS or "\n" in (subsection or ""):
            continue
        lines.append(_section_header(section, subsection))
        lines.append(f"\t{name}" + (f" = {_quote_value(decode_path(text))}" if separator else ""))
    return b"".join(encode_path(line) + b"\n" for line in lines)


def list_filters(listing: bytes) -> frozenset[str]:
    """Return the filter drivers that have a command for what goes into a commit."""
    drivers = set()
    for setting in listing.split(b"\0")[:-1]:
        key, _, text = setting.partition(b"\n")
        match = _FILTER.fullmatch(decode_path(key))
        if match and text.strip():
            drivers.add(match["name"])
    return frozenset(drivers)


def _split_key(key: str) -> tuple[str, str | None, str]:
    section, _, rest = key.partition(".")
    subsection, dot, name = rest.rpartition(".")
    return section.lower(), subsection if dot else None, name.lower()


def _section_header(section: str, subsection: str | None) -> str:
    if subsection is None:
        return f"[{section}]"
    escaped = subsection.replace("\\", "\\\\").replace('"', '\\"')
    return f'[{section} "{escaped}"]'


def _quote_value(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\b": "\\b"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'
