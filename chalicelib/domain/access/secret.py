"""Secrets of users: names, values and scopes, and the secrets that a run gets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access.credential import check_ends
from chalicelib.domain.errors import Invalid
from chalicelib.domain.field_warning import FieldWarning
from chalicelib.domain.limits import MAX_SECRET_BYTES
from chalicelib.domain.pull_requests.forge import FORGE_SECRET_NAMES
from chalicelib.domain.repos.repo import normal_url

GLOBAL_SCOPE = "global"
MIN_LENGTH = 4
MIN_SAFELY_MASKED_LENGTH = 8
"""The length from which a value is unlikely to occur in a log by chance."""
_WORD = re.compile(r"[A-Za-z]{1,12}")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,127}$", re.ASCII)
RESERVED_NAMES = ("PATH", "HOME", "TMPDIR", "SHELL", "USER", "LOGNAME", "BASH_ENV", "ENV")
"""Variables that the runner sets itself."""
AGENT_SECRET_NAMES: dict[str, tuple[str, ...]] = {
    "claude-code": ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"),
    "codex": ("CODEX_API_KEY", "OPENAI_API_KEY"),
    "gemini": ("GEMINI_API_KEY",),
    "opencode": ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"),
    "copilot": ("COPILOT_GITHUB_TOKEN",),
    "command": (),
}
"""The credentials that an agent receives without being named, if such secrets exist."""


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret without its value. The scope is `global` or the URL of a repo."""

    name: str
    scope: str
    created_at: datetime
    updated_at: datetime


def check_name(name: str) -> str:
    """Return the name of a secret; raise `Invalid` if it cannot be the name of a variable."""
    if not _NAME.fullmatch(name):
        message = f"{name[:64]!r} is not a name such as API_KEY (letters, digits and _)"
        raise Invalid(message, "name")
    if name in RESERVED_NAMES or name.startswith(("OPTIO_", "LD_", "GIT_")):
        raise Invalid(f"the runner sets {name} itself: choose another name", "name")
    return name


def check_usable_name(name: str) -> str:
    """Return the name of a secret that a task requests; raise `Invalid` for a forge credential."""
    if name in FORGE_SECRET_NAMES:
        rule = "opens the forge for Optio itself and is never handed to a task"
        raise Invalid(f"{name} {rule}: store what the task needs under another name", "secrets")
    return check_name(name)


def check_value(value: str) -> str:
    """Return the value of a secret; raise `Invalid` if it cannot be stored or masked in logs."""
    if len(value.strip()) < MIN_LENGTH:
        rule = f"a secret has at least {MIN_LENGTH} characters"
        raise Invalid(f"{rule}: shorter ones cannot be kept out of logs", "value")
    check_ends(value, "value")
    if len(value.encode()) > MAX_SECRET_BYTES:
        raise Invalid("a secret holds at most 64 KB", "value")
    if "\0" in value:
        raise Invalid("a variable cannot hold a zero byte", "value")
    return value


def find_value_warnings(value: str) -> list[FieldWarning]:
    """Return warnings about a value that ordinary log lines are likely to contain."""
    text = value.strip()
    if len(text) >= MIN_SAFELY_MASKED_LENGTH and not _WORD.fullmatch(text):
        return []
    reason = "every log line and result that contains it is masked there"
    advice = "use a longer, random value, or move it to `environment` if it is not secret"
    return [
        FieldWarning("value", f"this value is short or an ordinary word, so {reason}: {advice}")
    ]


def check_scope(text: str) -> str:
    """Return the scope of a secret: `global`, or the normal form of a repo's URL."""
    if text == GLOBAL_SCOPE:
        return GLOBAL_SCOPE
    try:
        return normal_url(text)
    except Invalid as error:
        message = f"the scope must be 'global' or the URL of a repo: {error.message}"
        raise Invalid(message, "scope") from error


def missing_names(required: Iterable[str], available: Iterable[str]) -> list[str]:
    """Return the distinct requested names that were not found."""
    present = set(available)
    return [name for name in dict.fromkeys(required) if name not in present]
