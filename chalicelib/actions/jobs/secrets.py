"""Secrets of users: stored, removed, and passed to the runs that may use them."""

from __future__ import annotations

from chalicelib.domain.access.secret import (
    AGENT_SECRET_NAMES,
    GLOBAL_SCOPE,
    Secret,
    check_name,
    check_value,
    missing_names,
)
from chalicelib.domain.repos.repo import Repo
from chalicelib.domain.runs.run import Run
from chalicelib.ports import World


def store_secret(world: World, name: str, scope: str, value: str) -> Secret:
    """Store a secret, the value before its name, so that no name is ever without a value.

    Raises `Invalid` for a name or value that cannot be used.
    """
    check_name(name)
    check_value(value)
    now = world.now()
    before = world.secrets.find_named([name], scope).get(name)
    new = Secret(
        name=name, scope=scope, created_at=before.created_at if before else now, updated_at=now
    )
    world.vault.put(world.secrets.vault_key(name, scope), value)
    world.secrets.put(new)
    return new


def forget_secret(world: World, name: str, scope: str) -> None:
    """Remove a secret, its name before its value; raise `NotFound` if it does not exist."""
    world.secrets.remove(name, scope)
    world.vault.remove(world.secrets.vault_key(name, scope))


def secrets_of_run(world: World, run: Run, repo: Repo | None) -> tuple[dict[str, str], list[str]]:
    """Return the secrets of a run, and the requested names that are missing.

    They are those that its repo and its blueprint name, and the credential of its agent; a repo's
    own secret takes precedence over a global one.
    """
    required = [*(repo.secrets if repo else ()), *run.secrets]
    names = list(dict.fromkeys([*required, *AGENT_SECRET_NAMES.get(run.agent_type, ())]))
    if not names:
        return {}, []
    scopes = dict.fromkeys(world.secrets.find_named(names, GLOBAL_SCOPE), GLOBAL_SCOPE)
    if run.repo_url:
        scopes |= dict.fromkeys(world.secrets.find_named(names, run.repo_url), run.repo_url)
    values = {
        name: value
        for name, scope in scopes.items()
        if (value := world.vault.get(world.secrets.vault_key(name, scope))) is not None
    }
    return values, missing_names(required, values)
