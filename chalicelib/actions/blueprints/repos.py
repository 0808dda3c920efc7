"""Repos: stored and changed, with a check of who may redirect their credentials."""

from __future__ import annotations

from chalicelib.actions.idempotency import earlier_result, existing_result
from chalicelib.domain.access.key import Forbidden, Principal, Scope
from chalicelib.domain.firing.firing import IdempotencyClaim
from chalicelib.domain.repos.repo import Repo
from chalicelib.ports import World, WriteConflict


def create_repo(
    world: World, new: Repo, by: Principal, claim: IdempotencyClaim | None = None
) -> Repo:
    """Store a repo; with a claim, a repeated request returns the repo of the first one.

    Raises `Forbidden` if the caller may not set `forgeApiUrl`, and `Conflict` if the repo exists.
    """
    if earlier := earlier_result(world, claim):
        return world.repos.get(earlier)
    _check_forge(new, None, by)
    try:
        world.repos.add(new, claim)
    except WriteConflict as taken:
        return world.repos.get(existing_result(world, claim, taken))
    return new


def change_repo(world: World, was: Repo, new: Repo, by: Principal) -> None:
    """Store the changed settings of a repo; raise `Superseded` if `was` is no longer stored."""
    _check_forge(new, was.forge_api_url, by)
    world.repos.put(new, was)


def remove_repo(world: World, repo_id: str) -> None:
    """Remove the settings of a repo; its tasks stay. Raises `NotFound` if there are none."""
    world.repos.remove(world.repos.get(repo_id))


def _check_forge(new: Repo, was: str | None, by: Principal) -> None:
    """Raise `Forbidden` if the caller may not choose where the stage's credential is sent."""
    if new.forge_api_url not in (None, was) and not by.has_scope(Scope.ADMIN):
        needed = f"it needs an API key with the scope {Scope.ADMIN.value}"
        raise Forbidden(
            f"forgeApiUrl determines where the credential of the forge is sent: {needed}"
        )
