"""The saved login: the URL of a stage and its token."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from optio_cli.core.errors import ExitCode, Failure

PRIVATE_MODE = 0o600


@dataclass(frozen=True, kw_only=True)
class Login:
    """A stage and the token for it."""

    url: str
    token: str


def config_path(environment: Mapping[str, str]) -> Path:
    """Return the path of the file that stores the login."""
    base = environment.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(base) / "optio" / "config.json"


def load_login(environment: Mapping[str, str]) -> Login:
    """Return the login; each environment variable overrides its value in the file."""
    whole = environment.get("OPTIO_URL") and environment.get("OPTIO_TOKEN")
    saved = {} if whole else _read_file(config_path(environment))
    url = environment.get("OPTIO_URL") or saved.get("url")
    # A saved token is only sent to the stage that it was saved for.
    own = not environment.get("OPTIO_URL") or environment["OPTIO_URL"] == saved.get("url")
    token = environment.get("OPTIO_TOKEN") or (saved.get("token") if own else None)
    if not url:
        raise Failure(
            "not logged in to a stage: run `optio login`, or set OPTIO_URL", ExitCode.ACCESS
        )
    if not token:
        raise Failure(f"no token for {url}: run `optio login`, or set OPTIO_TOKEN", ExitCode.ACCESS)
    return Login(url=check_url(url), token=check_token(token))


def _read_file(file: Path) -> dict[str, str]:
    try:
        saved = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Failure(
            f"{file} cannot be read ({error}): run `optio login`", ExitCode.ACCESS
        ) from None
    if not isinstance(saved, dict):
        raise Failure(f"{file} is not a login: run `optio login`", ExitCode.ACCESS)
    return saved


def save_login(login: Login, environment: Mapping[str, str]) -> Path:
    """Save a login so that only its owner can read it; return the path of the file."""
    file = config_path(environment)
    new_file = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new_file.unlink(missing_ok=True)
        with os.fdopen(
            os.open(new_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "w"
        ) as out:
            json.dump({"url": login.url, "token": login.token}, out)
        new_file.replace(file)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}", ExitCode.USAGE) from None
    return file


def check_token(token: str) -> str:
    """Return a token that a header can carry; text copied along with the token is rejected."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Failure(
            "this is not a valid token: copy the whole token and nothing else", ExitCode.USAGE
        )
    return token


def check_url(url: str) -> str:
    """Return a stage's URL without its last slash; a token crosses a network only encrypted."""
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise Failure(f"{url!r} is not the URL of a stage: {error}", ExitCode.USAGE) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(
            f"{url!r} is not the URL of a stage: it must begin with https://", ExitCode.USAGE
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise Failure(f"{url!r} would send the token unencrypted: use https", ExitCode.USAGE)
    return url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
