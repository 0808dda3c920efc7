"""Secrets of users: kept, forgotten, and handed to the runs that may have them."""

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
    """Keep a value, the value before its name, so that no name is ever without one."""
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
    """Forget a secret, its name before its value; raise `NotFound` where there is none."""
    world.secrets.remove(name, scope)
    world.vault.remove(world.secrets.key(name, scope))


def of_run(world: World, run: Run, repo: Repo | None) -> tuple[dict[str, str], list[str]]:
    """Return the secrets of a run, and the names of those that are not there.

    That is what its repo and its definition name, and the credential of its agent; what a repo
    has of its own wins over what is global.
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
