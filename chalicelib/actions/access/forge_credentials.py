"""Forge credentials: read when needed, and used by the service alone."""

from __future__ import annotations

from chalicelib.domain.access.secret import GLOBAL_SCOPE, Secret
from chalicelib.domain.pull_requests.forge import (
    APP_ID,
    APP_KEY,
    REPO_TOKEN,
    TOKEN,
    WEBHOOK_SECRET_NAMES,
    ForgeCredential,
    ForgeError,
    ForgeErrorKind,
    ForgeLocation,
    forge_location,
)
from chalicelib.domain.repos.repo import Repo
from chalicelib.ports import Forge, World


def location_of(world: World, repo_url: str | None) -> ForgeLocation | None:
    """Return the location of a repo at its forge, or None if its forge is unknown."""
    if repo_url is None:
        return None
    repo = world.repos.find_by_url(repo_url)
    return forge_location(repo_url, repo.forge_api_url if repo else None)


def open_forge_of(world: World, repo_url: str | None) -> Forge:
    """Return a client of a repo's forge, or raise `ForgeError` without a forge or a credential."""
    if repo_url is None:
        raise ForgeError(ForgeErrorKind.UNAUTHORIZED, "the task has no repo")
    repo = world.repos.find_by_url(repo_url)
    where = forge_location(repo_url, repo.forge_api_url if repo else None)
    if where is None:
        raise ForgeError(
            ForgeErrorKind.UNAUTHORIZED,
            f"{repo_url} is not at a known forge: set forgeApiUrl of the repo",
        )
    credential = _find_credential(world, repo_url)
    if credential is None:
        message = f"no credential is stored for {repo_url}: PUT /api/secrets/{TOKEN}, then retry"
        raise ForgeError(ForgeErrorKind.UNAUTHORIZED, message)
    return world.forges.open_forge(where, credential, repo.trusted_bots if repo else ())


def git_token(world: World, repo_url: str | None, repo: Repo | None) -> str | None:
    """Return the token for cloning and pushing, or None if the repo needs none or has none.

    Raises `ForgeError` if a GitHub App cannot mint one.
    """
    if repo_url is None:
        return None
    where = forge_location(repo_url, repo.forge_api_url if repo else None)
    if where is None:
        return _token_of_repo(world, repo_url)
    credential = _find_credential(world, repo_url)
    if credential is None:
        return None
    return credential.token or world.forges.open_forge(where, credential).get_token()


def _token_of_repo(world: World, repo_url: str) -> str | None:
    if not repo_url.startswith("https://"):
        return None
    secret = world.secrets.find_named([REPO_TOKEN], repo_url).get(REPO_TOKEN)
    return _secret_value(world, secret) if secret else None


def forge_webhook_secret(world: World, source: str) -> str | None:
    """Return the secret that signs the events of a forge or tracker, or None."""
    name = WEBHOOK_SECRET_NAMES[source]
    secret = world.secrets.find_named([name], GLOBAL_SCOPE).get(name)
    return _secret_value(world, secret) if secret else None


def _find_credential(world: World, repo_url: str) -> ForgeCredential | None:
    """Return the repo's own credential, otherwise the global one; a token before an App."""
    for scope in (repo_url, GLOBAL_SCOPE):
        names = world.secrets.find_named([TOKEN, APP_ID, APP_KEY], scope)
        if TOKEN in names:
            return ForgeCredential(token=_secret_value(world, names[TOKEN]))
        if APP_ID in names and APP_KEY in names:
            app_id, key = (_secret_value(world, names[name]) for name in (APP_ID, APP_KEY))
            return ForgeCredential(app_id=app_id, app_key=key)
    return None


def _secret_value(world: World, secret: Secret) -> str | None:
    key = world.secrets.vault_key(secret.name, secret.scope)
    return world.vault.get(key, secret.updated_at)
