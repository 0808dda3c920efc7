"""Secrets of users: stored, removed, and passed to the runs that may use them."""

from __future__ import annotations

from chalicelib.domain.repo import Repo
from chalicelib.domain.run import Run
from chalicelib.domain.secret import (
    GLOBAL,
    OF_AGENTS,
    Secret,
    checked_name,
    checked_value,
    missing,
)
from chalicelib.ports import World


def keep(world: World, name: str, scope: str, value: str) -> Secret:
    """Store a secret, the value before its name, so that no name is ever without a value.

    Raises `Invalid` for a name or value that cannot be used.
    """
    checked_name(name)
    checked_value(value)
    now = world.now()
    before = world.secrets.find([name], scope).get(name)
    new = Secret(
        name=name, scope=scope, created_at=before.created_at if before else now, updated_at=now
    )
    world.vault.put(world.secrets.key(name, scope), value)
    world.secrets.put(new)
    return new


def forget(world: World, name: str, scope: str) -> None:
    """Remove a secret, its name before its value; raise `NotFound` if it does not exist."""
    world.secrets.remove(name, scope)
    world.vault.remove(world.secrets.key(name, scope))


def of_run(world: World, run: Run, repo: Repo | None) -> tuple[dict[str, str], list[str]]:
    """Return the secrets of a run, and the requested names that are missing.

    They are those that its repo and its blueprint name, and the credential of its agent; a repo's
    own secret takes precedence over a global one.
    """
    asked = [*(repo.secrets if repo else ()), *run.secrets]
    names = list(dict.fromkeys([*asked, *OF_AGENTS.get(run.agent_type, ())]))
    if not names:
        return {}, []
    scopes = dict.fromkeys(world.secrets.find(names, GLOBAL), GLOBAL)
    if run.repo_url:
        scopes |= dict.fromkeys(world.secrets.find(names, run.repo_url), run.repo_url)
    values = {
        name: value
        for name, scope in scopes.items()
        if (value := world.vault.get(world.secrets.key(name, scope))) is not None
    }
    return values, missing(asked, values)
