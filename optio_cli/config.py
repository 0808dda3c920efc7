"""The saved login: the URL of a stage and its token."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from optio_cli.errors import Exit, Failure

PRIVATE = 0o600


@dataclass(frozen=True, kw_only=True)
class Login:
    """A stage and the token for it."""

    url: str
    token: str


def path(environment: Mapping[str, str]) -> Path:
    """Return the path of the file that stores the login."""
    base = environment.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(base) / "optio" / "config.json"


def load(environment: Mapping[str, str]) -> Login:
    """Return the login; each environment variable overrides its value in the file."""
    whole = environment.get("OPTIO_URL") and environment.get("OPTIO_TOKEN")
    kept = {} if whole else _kept(path(environment))
    url = environment.get("OPTIO_URL") or kept.get("url")
    # A saved token is only sent to the stage that it was saved for.
    own = not environment.get("OPTIO_URL") or environment["OPTIO_URL"] == kept.get("url")
    token = environment.get("OPTIO_TOKEN") or (kept.get("token") if own else None)
    if not url:
        raise Failure("not logged in to a stage: run `optio login`, or set OPTIO_URL", Exit.ACCESS)
    if not token:
        raise Failure(f"no token for {url}: run `optio login`, or set OPTIO_TOKEN", Exit.ACCESS)
    return Login(url=checked_url(url), token=checked_token(token))


def _kept(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failure(f"{file} cannot be read ({error}): run `optio login`", Exit.ACCESS) from None
    if not isinstance(kept, dict):
        raise Failure(f"{file} is not a login: run `optio login`", Exit.ACCESS)
    return kept


def save(login: Login, environment: Mapping[str, str]) -> Path:
    """Save a login so that only its owner can read it; return the path of the file."""
    file = path(environment)
    made = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made.unlink(missing_ok=True)
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w") as out:
            json.dump({"url": login.url, "token": login.token}, out)
        made.replace(file)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}", Exit.USAGE) from None
    return file


def checked_token(token: str) -> str:
    """Return a token that a header can carry; text copied along with the token is rejected."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Failure(
            "this is not a valid token: copy the whole token and nothing else", Exit.USAGE
        )
    return token


def checked_url(url: str) -> str:
    """Return a stage's URL without its last slash; a token crosses a network only encrypted."""
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise Failure(f"{url!r} is not the URL of a stage: {error}", Exit.USAGE) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(f"{url!r} is not the URL of a stage: it must begin with https://", Exit.USAGE)
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise Failure(f"{url!r} would send the token unencrypted: use https", Exit.USAGE)
    return url.strip().rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
