"""Repositories: their settings, stored under one normal form of the URL."""

from __future__ import annotations

import re
import string
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from chalicelib.domain.egress import checked_host, is_allowed_by_name
from chalicelib.domain.errors import Invalid
from chalicelib.domain.ids import ID_NAMESPACE
from chalicelib.domain.pool import ComputeType, Pool

URL_SCHEMES = ("https", "http", "ssh", "file")
"""Accepted URL schemes. git:// is excluded: it has neither credentials nor integrity checks."""
_SCP = re.compile(r"^(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+):(?P<path>(?!//)[^\s]+)$")
_SHORT = re.compile(r"^[\w.-]+/[\w.-]+$")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset(f"{string.ascii_letters}{string.digits}-._~")
_TAIL = re.compile(r"(?:/|\.git)+$")
_PORTS = {"https": 443, "http": 80, "ssh": 22}
TICKET_REPO_PLACEHOLDER = "{{repo}}"
"""The URL of a blueprint that takes its repo from the ticket that fires it."""


@dataclass(frozen=True, kw_only=True)
class Repo:
    """The settings that all runs of a repo share."""

    id: str
    url: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    setup_commands: str | None = None
    secrets: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    default_branch: str | None = None
    branch_prefix: str | None = None
    include_setup_changes: bool = False
    default_agent_type: str | None = None
    max_concurrent_tasks: int = 2
    test_command: str | None = None
    auto_merge: bool = False
    auto_resume: bool = False
    max_auto_resumes: int = 10
    trusted_bots: tuple[str, ...] = ()
    commit_author_name: str | None = None
    commit_author_email: str | None = None
    runner: Pool | None = None
    image: str | None = None
    compute_type: ComputeType | None = None
    forge_api_url: str | None = None


def repo_id(url: str) -> str:
    """Return the id of the repo with this normalised URL, so that each URL has one row."""
    return str(uuid.uuid5(ID_NAMESPACE, f"repo#{url}"))


def normal_url(text: str) -> str:
    """Return the normal form of a repo's URL, so that each repo has one row.

    `owner/name` means GitHub, and `git@host:path` becomes `ssh://`. The host is in lower case.
    Default ports, needless escapes and slashes (RFC 3986, 6.2) and a final `.git` are removed.
    Raises `Invalid` if git could not clone the URL, or if it contains a password.
    """
    text = text.strip()
    if _SHORT.match(text):
        text = f"https://github.com/{text}"
    elif "://" not in text and (match := _SCP.match(text)):
        user = match["user"] or "git"
        text = f"ssh://{user}@{match['host']}/{match['path'].lstrip('/')}"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _invalid_url() from None
    if parts.scheme not in URL_SCHEMES or any(c.isspace() or ord(c) < 32 for c in text):
        raise _invalid_url()
    path = _normal_path(parts.path)
    option = any(part.startswith("-") for part in parts.netloc.split("@"))
    if not path.strip("/") or "/../" in f"{path}/" or option:
        raise _invalid_url()
    if parts.query or parts.fragment:
        raise _invalid_url()
    if parts.scheme == "file":
        return f"file://{path}"
    if not host:
        raise _invalid_url()
    if parts.password or (parts.username and parts.scheme in ("http", "https")):
        raise Invalid("a repo URL must not carry a credential", "repoUrl")
    user = f"{parts.username}@" if parts.username else ""
    where = (f"[{host}]" if ":" in host else host) + (
        f":{port}" if port not in (None, _PORTS.get(parts.scheme)) else ""
    )
    if host in ("github.com", "gitlab.com", "bitbucket.org"):
        path = path.lower()
    return f"{parts.scheme}://{user}{where}{path}"


def _normal_path(text: str) -> str:
    plain = _ESCAPE.sub(_unescape, text)
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    return _TAIL.sub("", "".join(f"/{part}" for part in parts))


def _unescape(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def check_clone_url(text: str, allowed: Iterable[str], *, files: bool) -> str:
    """Return the normal URL of a repo; raise `Invalid` if this stage may not clone it.

    `allowed` lists hosts that are allowed although they are private or have no TLS. `files` allows
    directories of the runner's own machine.
    """
    url, rules = normal_url(text), tuple(allowed)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "file":
        if not files:
            raise Invalid(
                "file:// is allowed only on a local stage (OPTIO_ALLOW_FILE_REPOS)", "repoUrl"
            )
        return url
    if parts.scheme == "http" and not is_plain_http(url, rules):
        message = f"write https://{host}/…, or add {host} to OPTIO_ALLOW_PRIVATE_URLS"
        raise Invalid(f"http lets others read and change the code: {message}", "repoUrl")
    checked_host(host, rules, "repoUrl")
    return url


def is_plain_http(url: str, allowed: Iterable[str]) -> bool:
    """Return whether a repo is cloned over plain http, which the stage allows for its host."""
    parts = urlsplit(url)
    return parts.scheme == "http" and is_allowed_by_name(parts.hostname or "", allowed)


def leaves_repo_open(url: str) -> bool:
    """Return whether a blueprint's URL leaves the choice of the repo to the firing."""
    return "".join(url.split()) == TICKET_REPO_PLACEHOLDER


def repo_url_of_params(params: Mapping[str, object]) -> str:
    """Return the URL of the repo in the params; raise `Invalid` if they name none.

    A short name in a GitHub ticket's params refers to a repo on the ticket's own host.
    """
    name, ticket = params.get("repo"), str(params.get("ticketUrl") or params.get("url") or "")
    if not isinstance(name, str) or not name.strip():
        raise Invalid("the params must name a repo, as a URL or as owner/name", "params.repo")
    host = urlsplit(ticket)
    if _SHORT.match(name) and params.get("source") == "github" and host.netloc:
        name = f"{host.scheme}://{host.netloc}/{name}"
    try:
        return normal_url(name)
    except Invalid as error:
        raise Invalid(error.message, "params.repo") from error


def _invalid_url() -> Invalid:
    """Return an error that does not repeat the input, which may contain a credential."""
    return Invalid(
        "this is not a repository that git can clone: write https://host/owner/name, "
        "git@host:owner/name or owner/name",
        "repoUrl",
    )
