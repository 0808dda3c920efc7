"""Forge credentials: read when needed, and used by the service alone."""

from __future__ import annotations

from chalicelib.domain.forge import (
    APP_ID,
    APP_KEY,
    HOOK_SECRETS,
    REPO_TOKEN,
    TOKEN,
    Credential,
    ForgeError,
    Place,
    place,
)
from chalicelib.domain.repo import Repo
from chalicelib.domain.secret import GLOBAL
from chalicelib.ports import Forge, World


def place_of(world: World, repo_url: str | None) -> Place | None:
    """Return the location of a repo at its forge, or None if its forge is unknown."""
    if repo_url is None:
        return None
    repo = world.repos.find(repo_url)
    return place(repo_url, repo.forge_api_url if repo else None)


def forge_of(world: World, repo_url: str) -> Forge:
    """Return a client of a repo's forge, or raise `ForgeError` without a forge or a credential."""
    repo = world.repos.find(repo_url)
    where = place(repo_url, repo.forge_api_url if repo else None)
    if where is None:
        raise ForgeError(
            "unauthorized", f"{repo_url} is not at a known forge: set forgeApiUrl of the repo"
        )
    credential = _kept(world, repo_url)
    if credential is None:
        message = f"no credential is stored for {repo_url}: PUT /api/secrets/{TOKEN}, then retry"
        raise ForgeError("unauthorized", message)
    return world.forges.at(where, credential, repo.trusted_bots if repo else ())


def git_token(world: World, repo_url: str | None, repo: Repo | None) -> str | None:
    """Return the token for cloning and pushing, or None if the repo needs none or has none.

    Raises `ForgeError` if a GitHub App cannot mint one.
    """
    if repo_url is None:
        return None
    where = place(repo_url, repo.forge_api_url if repo else None)
    if where is None:
        return _of_repo(world, repo_url)
    credential = _kept(world, repo_url)
    if credential is None:
        return None
    return credential.token or world.forges.at(where, credential).token()


def _of_repo(world: World, repo_url: str) -> str | None:
    if not repo_url.startswith("https://") or not world.secrets.find([REPO_TOKEN], repo_url):
        return None
    return _value(world, REPO_TOKEN, repo_url)


def hook_secret(world: World, source: str) -> str | None:
    """Return the secret that signs the events of a forge or tracker, or None."""
    name = HOOK_SECRETS[source]
    found = world.secrets.find([name], GLOBAL)
    return world.vault.get(world.secrets.key(name, GLOBAL)) if found else None


def _kept(world: World, repo_url: str) -> Credential | None:
    """Return the repo's own credential, otherwise the global one; a token before an App."""
    for scope in (repo_url, GLOBAL):
        names = world.secrets.find([TOKEN, APP_ID, APP_KEY], scope)
        if TOKEN in names:
            return Credential(token=_value(world, TOKEN, scope))
        if APP_ID in names and APP_KEY in names:
            app_id, key = (_value(world, name, scope) for name in (APP_ID, APP_KEY))
            return Credential(app_id=app_id, app_key=key)
    return None


def _value(world: World, name: str, scope: str) -> str | None:
    return world.vault.get(world.secrets.key(name, scope))
