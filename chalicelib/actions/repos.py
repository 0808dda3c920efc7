"""Repos: made known once."""

from __future__ import annotations

from chalicelib.actions.claiming import made_first
from chalicelib.domain.firing import Claim
from chalicelib.domain.repo import Repo
from chalicelib.ports import Taken, World


def create(world: World, new: Repo, claim: Claim | None = None) -> Repo:
    """Keep a repo; with a claim a repeated request finds what the first one made."""
    try:
        world.repos.add(new, claim)
    except Taken as taken:
        return world.repos.get(made_first(world, claim, taken))
    return new
